//go:build e2e && alerts

package e2e

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"blogplatform.io/operator/api/v1alpha1"
	"blogplatform.io/operator/hack/cluster/node"
)

// Faults of the database, its repository, volumes and certificates.

// aRepositoryThatRefusesABackup has the next scheduled backup fail.
func aRepositoryThatRefusesABackup(t *testing.T, b *board, env environment) {
	jobs := clientset.BatchV1().Jobs(env.namespace)
	t.Cleanup(func() {
		for _, name := range []string{platform + "-db-repo1-full-refused", "by-hand"} {
			background := metav1.DeletePropagationBackground
			err := jobs.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{PropagationPolicy: &background})
			if client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
	allow := refuseBackups(t, env)
	overdue := b.begins(t, env, "BlogBackupOverdue")
	overdue.values["<the job that failed>"] = platform + "-db-repo1-full-refused"
	runNow(t, env, "refused")
	overdue.tells(t, "the backup that failed is said", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionBackupsFailing, metav1.ConditionTrue, "BackupFailed", "CronJob")
	})
	overdue.fires(t)
	overdue.advised(t, "The repository is full or cannot be reached")
	allow()
	overdue.advised(t, "After the fix take a backup by hand")
	overdue.follows(t, "kubectl create job", "")
	overdue.resolves(t, 5*time.Minute)
}

// refuseBackups has the repository of a database write no backup, until it is allowed.
func refuseBackups(t *testing.T, env environment) (allow func()) {
	t.Helper()
	repository := podsOf(t, env.namespace, "postgres-operator.crunchydata.com/data=pgbackrest")
	if len(repository) != 1 {
		t.Fatalf("%d pods of the repository, want 1", len(repository))
	}
	may := func(mode string) {
		if a := execIn(t, env.namespace, repository[0].Name, "pgbackrest", "chmod", "--recursive", mode, "/pgbackrest/repo1/backup/db"); a.code != 0 {
			t.Fatal(a.err)
		}
	}
	allow = sync.OnceFunc(func() { may("u+w") })
	t.Cleanup(allow)
	may("u-w")
	return allow
}

// aReplicaThatAQuotaRefuses leaves the database without one.
func aReplicaThatAQuotaRefuses(t *testing.T, b *board, env environment) {
	raise := noRoom(t, env)
	missing := b.begins(t, env, "BlogReplicaMissing")
	remove(t, env, podsOf(t, env.namespace, "postgres-operator.crunchydata.com/role=replica"))
	missing.tells(t, "an instance is missing", func(ctx context.Context) error {
		return says(ctx, env, v1alpha1.ConditionDatabaseReady, metav1.ConditionFalse, "", "")
	})
	missing.fires(t)
	missing.advised(t, "that a quota refuses: add room")
	if said := missing.follows(t, "kubectl get resourcequotas", ""); !strings.Contains(said, quotaName) {
		t.Errorf("the quota is not named: %s", said)
	}
	missing.follows(t, "kubectl exec", "")
	raise()
	missing.resolves(t, 10*time.Minute)
	eventually(t, 5*time.Minute, env.namespace+" Ready again", func(ctx context.Context) error { return ready(ctx, env) })
}

// aSlotThatNobodyReads was made for a standby that never came.
func aSlotThatNobodyReads(t *testing.T, b *board, env environment) {
	const slot = "left_behind"
	lags := b.begins(t, env, "BlogReplicationLags")
	lags.values["<slot>"] = slot
	t.Cleanup(func() {
		queryIn(t, env, "postgres", "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '"+slot+"'")
	})
	query(t, env, "SELECT pg_create_physical_replication_slot('"+slot+"', true)")
	// WAL, and nothing that would have to be deleted afterwards.
	query(t, env, "SELECT count(pg_logical_emit_message(false, 'e2e', repeat('x', 1024 * 1024))) FROM generate_series(1, 320)")
	lags.fires(t)
	const psql = `kubectl exec -n $NS <pod of the database> -c database -- psql -c "SELECT `
	if said := lags.follows(t, psql+"slot_name", ""); !strings.Contains(said, slot) {
		t.Errorf("the slot is not named: %s", said)
	}
	lags.follows(t, psql+"pg_drop_replication_slot", "")
	lags.resolves(t, 2*time.Minute)
}

// aVolumeThatFills is one of 64 MiB in the namespace of the platform: the volumes of its
// database are folders of this machine, whose disk a test must not fill.
func aVolumeThatFills(t *testing.T, b *board, env environment) {
	resize := smallVolume(t, env, "filled")
	fills := b.begins(t, env, "BlogVolumeFills")
	if a := execIn(t, env.namespace, "filled", "probe", "fallocate", "--length", "60MiB", "/volume/file"); a.code != 0 {
		t.Fatal(a.err)
	}
	fills.fires(t)
	fills.advised(t, "The volume grows without a restart")
	resize(512) // as the storage of a StorageClass does that allows it
	fills.resolves(t, 5*time.Minute)
}

// smallVolume offers memory of the node as a volume, and starts a pod that has it mounted at /volume.
func smallVolume(t *testing.T, env environment, name string) (resize func(mebibytes int)) {
	t.Helper()
	volume := freeVolume(t)
	mount := func(command ...string) {
		t.Helper()
		s := node.Settings{State: filepath.Dir(os.Getenv("BLOGPLATFORM_KUBECONFIG"))}
		args := append([]string{"--target", strconv.Itoa(s.RunningInit()), "--mount", "--pid", "--"}, command...) // umount reads /proc/self
		if out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "nsenter", args...).CombinedOutput(); err != nil {
			t.Fatalf("nsenter %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	dir := volume.Spec.Local.Path
	mount("mount", "-t", "tmpfs", "-o", "size=64m,mode=1777", "tmpfs", dir)
	t.Cleanup(func() { mount("umount", "--lazy", dir) })
	claims, ctx := clientset.CoreV1().PersistentVolumeClaims(env.namespace), context.WithoutCancel(t.Context())
	_, err := claims.Create(ctx, &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &volume.Spec.StorageClassName, VolumeName: volume.Name,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { giveBack(t, env, name, volume.Name) })
	pod := probePod(t, env.namespace, name, map[string]string{"sidecar.istio.io/inject": "false"})
	pod.Spec.ServiceAccountName = "default"
	pod.Spec.Volumes = []corev1.Volume{{Name: "volume", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "volume", MountPath: "/volume"}}
	pods := clientset.CoreV1().Pods(env.namespace)
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pods.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, 2*time.Minute, "the pod with the volume runs", func(ctx context.Context) error {
		live, err := pods.Get(ctx, name, metav1.GetOptions{})
		if err == nil && live.Status.Phase != corev1.PodRunning {
			err = fmt.Errorf("phase %s", live.Status.Phase)
		}
		return err
	})
	return func(mebibytes int) { mount("mount", "-o", fmt.Sprintf("remount,size=%dm", mebibytes), dir) }
}

// freeVolume is a volume of the cluster that nobody claims.
func freeVolume(t *testing.T) corev1.PersistentVolume {
	t.Helper()
	volumes, err := clientset.CoreV1().PersistentVolumes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(volumes.Items, func(v corev1.PersistentVolume) bool {
		return v.Status.Phase == corev1.VolumeAvailable && v.Spec.Local != nil
	})
	if i < 0 {
		t.Fatal("no volume is free")
	}
	return volumes.Items[i]
}

// giveBack deletes a claim, and has its volume be claimed again.
func giveBack(t *testing.T, env environment, claim, volume string) {
	t.Helper()
	claims, ctx := clientset.CoreV1().PersistentVolumeClaims(env.namespace), context.WithoutCancel(t.Context())
	if err := claims.Delete(ctx, claim, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
	eventually(t, 2*time.Minute, "the claim is gone", func(ctx context.Context) error {
		_, err := claims.Get(ctx, claim, metav1.GetOptions{})
		if err == nil {
			return errors.New("it is still there")
		}
		return client.IgnoreNotFound(err)
	})
	if _, err := clientset.CoreV1().PersistentVolumes().Patch(ctx, volume, types.MergePatchType, []byte(`{"spec":{"claimRef":null}}`), metav1.PatchOptions{}); err != nil {
		t.Error(err)
	}
}

// anAuthorityThatCannotSign does not renew a certificate, and then that one expires within a day.
func anAuthorityThatCannotSign(t *testing.T, b *board, env environment) {
	settle(t, env)
	works, fails := keyPair(t, time.Now().AddDate(1, 0, 0)), keyPair(t, time.Now().AddDate(1, 0, 0))
	authority := authorityOf(t, works)
	change(t, env, func(spec *v1alpha1.BlogPlatformSpec) {
		spec.TLS.IssuerRef = v1alpha1.IssuerReference{Kind: certmanager.ClusterIssuerKind, Name: authority.Name}
	})
	eventually(t, 2*truth, "a certificate of that authority", func(ctx context.Context) error { return ready(ctx, env) })

	notRenewed := b.begins(t, env, "BlogCertificateNotRenewed")
	replace(t, authority, map[string][]byte{corev1.TLSPrivateKeyKey: fails[corev1.TLSPrivateKeyKey]})
	notRenewed.tells(t, "the renewal fails", func(ctx context.Context) error {
		return orRenew(ctx, env, says(ctx, env, v1alpha1.ConditionCertificatesReady, metav1.ConditionTrue, "RenewalFailing", ""))
	})
	expires := b.begins(t, env, "BlogCertificateExpires")
	almostOver(t, env, works)
	expires.fires(t)
	notRenewed.fires(t)

	expires.advised(t, "Do what [BlogCertificateNotRenewed](BlogCertificateNotRenewed.md) says, now.")
	notRenewed.advised(t, "correct its account or its credentials")
	replace(t, authority, works)
	asked := time.Time{}
	eventually(t, 2*time.Minute, "another certificate", func(ctx context.Context) error {
		err := says(ctx, env, v1alpha1.ConditionCertificatesReady, metav1.ConditionTrue, "Ready", "")
		if err != nil && time.Since(asked) > 20*time.Second { // an attempt may be older than the credentials
			asked = time.Now()
			notRenewed.follows(t, "kubectl patch certificate", "")
		}
		return err
	})
	notRenewed.ends()
	expires.ends()
	for _, i := range []*incident{notRenewed, expires} {
		eventually(t, 2*time.Minute, i.rule()+" resolves", i.isOver)
	}
}

// almostOver puts a certificate for the same key into the place of the one in use, which
// an authority that works has signed and which expires within a day.
func almostOver(t *testing.T, env environment, authority map[string][]byte) {
	t.Helper()
	inUse, err := clientset.CoreV1().Secrets("istio-ingress").Get(t.Context(), env.namespace+"."+platform, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	issuer, errIssuer := tls.X509KeyPair(authority[corev1.TLSCertKey], authority[corev1.TLSPrivateKeyKey])
	own, errOwn := tls.X509KeyPair(inUse.Data[corev1.TLSCertKey], inUse.Data[corev1.TLSPrivateKeyKey])
	if err := errors.Join(errIssuer, errOwn); err != nil {
		t.Fatal(err)
	}
	key, _ := own.PrivateKey.(crypto.Signer)
	template := *own.Leaf
	template.NotBefore, template.NotAfter = time.Now().AddDate(0, 0, -2), time.Now().AddDate(0, 0, 1)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	signed, err := x509.CreateCertificate(rand.Reader, &template, issuer.Leaf, key.Public(), issuer.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, inUse, map[string][]byte{corev1.TLSCertKey: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})})
}
