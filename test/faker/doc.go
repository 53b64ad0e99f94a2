// Package faker is a faker of child status: it writes on the children of
// BlogPlatforms what the controllers of the peers would write, where there is
// no node to run anything.
//
// Its rule: it knows the peers' objects and nothing of blogs or of the
// operator. Only objects with the label app.kubernetes.io/managed-by:
// blogplatform are touched. It answers asynchronously and in as many steps as
// the real controllers, and can be told to be slow, to fail or to be absent:
//
//	f, err := faker.New(config, faker.Options{})
//	f.Start(ctx)
//	f.Set(faker.Job, "g11-stg/blog-user-expand", faker.Behaviour{Fail: true})
package faker
