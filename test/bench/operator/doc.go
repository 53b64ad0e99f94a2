// Command operator measures what the operator itself costs, with faked child
// status: run it by make bench-operator. It prints a table of figures, targets
// and whether they are met. It takes some minutes and wants a quiet machine.
//
// # The ratio
//
// The question is how much longer 10 or 100 platforms, created at once, take to
// become Ready under the operator than under a bare client that knows exactly
// what to write. The bare client
//
//   - writes the finalizer, then the children of the same plan, stage by stage,
//     by server-side apply with the same field owner, labels and owner
//     references, and in the end one status, copied from one that the operator wrote;
//   - has as many workers as the operator, each of which writes one platform's
//     stage at a time;
//   - reads nothing, plans once, reports nothing in between and repairs nothing.
//
// The operator needs controllers that answer between its stages. They are faked
// by test/faker, which answers at once, in as many writes as the real ones. What
// that costs must count neither for nor against the operator, so the bare client
// is measured twice: once beside the same faked controllers, waiting for the same
// children between stages (without keeping a worker), and once without them. The
// difference is the share of the faked controllers. It is taken off the
// operator's time, and the rest is compared with the bare client without them:
//
//	ratio = (operator - (bare with fakes - bare without)) / bare without
//
// The plain ratio with the fakes on both sides is printed, too; it flatters the
// operator, because the fakes dilute what it costs. What counts against the
// operator are its reads, passes, intermediate status and its own processor
// time, on the same cores.
//
// Each measurement has an API server of its own, freshly started and warmed up
// by one platform, so that none pays for the objects of another. The three take
// turns, several rounds; the median of each counts. The audit log tells how many
// requests each sent, and so whether their writes agree.
//
// # The other figures
//
// They are taken from the operator's process of the last round with 100
// platforms. Requests at rest are those of the audit log over one minute,
// leaving out watches; the audit policy leaves out leases. Memory is what
// /proc says is resident after that minute, and at its highest, which is what
// the target is held against. Drift is an owned field that is edited, or a child
// that is deleted, one at a time; the time runs from sending that edit until a
// watch shows the field restored or the child there again.
package main
