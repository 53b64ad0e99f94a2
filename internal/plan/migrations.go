package plan

import "blogplatform.io/operator/internal/naming"

// migrations bring each schema to what spec.release needs, whatever release is
// effective: the one that runs is not disturbed by an expansion.
func (b *builder) migrations() {
	release := b.Platform.Spec.Release
	for _, service := range naming.DataServices {
		container := b.container(service, release)
		container.Args = []string{"migrate", "--phase=" + naming.PhaseExpand}
		b.gate(StageMigrations, b.job(task{
			name:      b.names.Migration(service, naming.PhaseExpand, container.Image),
			account:   b.names.Workload(service),
			selector:  b.names.MigrationSelector(service),
			container: container,
			volumes:   b.volumes(service),
			attempts:  3,
			deadline:  900,
			retry:     300,
		}))
	}
}
