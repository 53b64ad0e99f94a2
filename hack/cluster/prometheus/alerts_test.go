package prometheus_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// story is a fault that begins and ends, and something like it that is none.
type story struct {
	// step is the time between two samples; a minute if it is zero.
	step time.Duration
	// fault are series. The alert fires at the minute fires, and has resolved at resolves.
	fault           string
	fires, resolves int
	// miss are series that come near to the alert, which is silent until the minute of silent.
	nearMiss, miss string
	silent         int
}

var alerts = map[string]story{
	"BlogUnavailable": {
		fault: `
			blogplatform_info{$,version="v1"} 1x20
			blogplatform_condition{$,type="Available",reason="Serving"} 1x4 stale _x4 1x10
			blogplatform_condition{$,type="Available",reason="NotServing"} _x5 0x3 stale`, fires: 8, resolves: 12,
		nearMiss: "a platform that is being installed", miss: `
			blogplatform_info{$,version=""} 1x20
			blogplatform_condition{$,type="Available",reason="NotServing"} 0x20`, silent: 20,
	},
	"BlogErrorsBurnFast": {
		fault: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+60x150
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="503"} 0x60 0+30x10 300x80`, fires: 65, resolves: 120,
		nearMiss: "the only error of a blog that few people read", miss: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+1x60
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="503"} 0x55 1x5`, silent: 58,
	},
	"BlogErrorsBurnSlowly": {
		step: 10 * time.Minute, fault: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+600x300
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="503"} 0+3x144 432x150`, fires: 1440, resolves: 1860,
		nearMiss: "half of the error budget is spent in its time", miss: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+600x144
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="503"} 0+0.3x144`, silent: 1440,
	},
	"BlogLatencyBurnsFast": {
		fault: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+60x150
			http_server_request_duration_seconds_bucket{$,service="frontend",http_response_status_code="200",le="0.5"} 0+60x60 3630+30x20 4290+60x60`, fires: 80, resolves: 125,
		nearMiss: "one page in twenty is slow", miss: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+60x120
			http_server_request_duration_seconds_bucket{$,service="frontend",http_response_status_code="200",le="0.5"} 0+57x120`, silent: 120,
	},
	"BlogLatencyBurnsSlowly": {
		step: 10 * time.Minute, fault: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+600x300
			http_server_request_duration_seconds_bucket{$,service="frontend",http_response_status_code="200",le="0.5"} 0+580x144 84120+600x150`, fires: 1440, resolves: 1860,
		nearMiss: "one page in two hundred is slow", miss: `
			http_server_request_duration_seconds_count{$,service="frontend",http_response_status_code="200"} 0+600x144
			http_server_request_duration_seconds_bucket{$,service="frontend",http_response_status_code="200",le="0.5"} 0+597x144`, silent: 1440,
	},
	"BlogSignInsFail": {
		fault: `
			http_server_request_duration_seconds_count{$,service="user",http_route="/v1/sign-ins/complete",http_response_status_code="201"} 0+2x40
			http_server_request_duration_seconds_count{$,service="user",http_route="/v1/sign-ins/complete",http_response_status_code="503"} 0x5 0+2x10 20x30`, fires: 12, resolves: 25,
		nearMiss: "somebody comes back to a sign-in of yesterday", miss: `
			http_server_request_duration_seconds_count{$,service="user",http_route="/v1/sign-ins/complete",http_response_status_code="400"} 0x5 1x10`, silent: 10,
	},
	"BlogSCIMSyncLate": {
		fault: `blog_provider_sync_age_seconds{$,pod="a"} 0 60 120 180 240 300 0 0`, fires: 5, resolves: 7,
		nearMiss: "a provider that took its time", miss: `blog_provider_sync_age_seconds{$,pod="a"} 0 60 120 180 230 0`, silent: 5,
	},
	"BlogReleaseAborted": {
		fault: `
			blogplatform_release_phase_timestamp_seconds{$,phase="Progressing"} 60x3 stale
			blogplatform_release_phase_timestamp_seconds{$,phase="Aborting"} _x4 240x2 stale
			blogplatform_release_phase_timestamp_seconds{$,phase="Complete"} _x7 420x5`, fires: 5, resolves: 8,
		nearMiss: "a release that another one replaces", miss: `
			blogplatform_release_phase_timestamp_seconds{$,phase="Progressing"} 60x3 stale
			blogplatform_release_phase_timestamp_seconds{$,phase="Migrating"} _x4 240x6`, silent: 10,
	},
	"BlogReleaseStuck": {
		fault: `blogplatform_release_progress_timestamp_seconds{$} 60x62 3780x5`, fires: 62, resolves: 65,
		nearMiss: "a release that takes long and goes on", miss: `blogplatform_release_progress_timestamp_seconds{$} 60x50 3060x50`, silent: 100,
	},
	"BlogGateRefuses": {
		fault: `
			blogplatform_condition{$,type="PromotionAllowed",reason="FailedInStaging"} 0x6 stale
			blogplatform_condition{$,type="PromotionAllowed",reason="Allowed"} _x7 1x5`, fires: 3, resolves: 9,
		nearMiss: "a soak that ends by itself", miss: `blogplatform_condition{$,type="PromotionAllowed",reason="Soaking"} 0x20`, silent: 20,
	},
	"BlogBackupOverdue": {
		fault: `blogplatform_condition{$,type="BackupsFailing",reason="BackupOverdue"} 1x5 stale`, fires: 2, resolves: 8,
		nearMiss: "a full backup of a week ago", miss: `blogplatform_backup_timestamp_seconds{$,type="full"} -604800x10`, silent: 10,
	},
	"BlogWALNotArchived": {
		fault: `blog_database_wal_archive_failing{$,service="user",pod="a"} 1x5 0x5`, fires: 4, resolves: 8,
		nearMiss: "an attempt that failed, and one that did not", miss: `blog_database_wal_archive_failing{$,service="user",pod="a"} 0 1 1 0 0 0`, silent: 5,
	},
	"BlogReplicaMissing": {
		fault: `
			blog_database_standbys{$,service="user",pod="a"} 1x2 0x4 1x5
			blogplatform_database_instances{$,state="desired"} 2x20`, fires: 7, resolves: 10,
		nearMiss: "a database of one instance", miss: `
			blog_database_standbys{$,service="user",pod="a"} 0x10
			blogplatform_database_instances{$,state="desired"} 1x10`, silent: 10,
	},
	"BlogReplicationLags": {
		fault: `blog_database_replication_lag_bytes{$,service="user",pod="a"} 0x2 300000000x4 0x5`, fires: 7, resolves: 10,
		nearMiss: "a replica that catches up after much was written", miss: `blog_database_replication_lag_bytes{$,service="user",pod="a"} 200000000x10`, silent: 10,
	},
	"BlogVolumeFills": {
		fault: `
			blogplatform_info{$,version="v1"} 1x10
			kubelet_volume_stats_available_bytes{namespace="g11-prod",persistentvolumeclaim="blog-db-instance-pgdata"} 5x5 50x5
			kubelet_volume_stats_capacity_bytes{namespace="g11-prod",persistentvolumeclaim="blog-db-instance-pgdata"} 100x10`, fires: 2, resolves: 8,
		nearMiss: "a full volume of somebody else", miss: `
			blogplatform_info{$,version="v1"} 1x10
			kubelet_volume_stats_available_bytes{namespace="other",persistentvolumeclaim="data"} 5x10
			kubelet_volume_stats_capacity_bytes{namespace="other",persistentvolumeclaim="data"} 100x10`, silent: 10,
	},
	"BlogCertificateNotRenewed": {
		fault: `
			blogplatform_condition{$,type="CertificatesReady",reason="RenewalFailing"} 1x5 stale
			blogplatform_condition{$,type="CertificatesReady",reason="Ready"} _x6 1x5`, fires: 2, resolves: 8,
		nearMiss: "a certificate that is valid for a day", miss: `blogplatform_condition{$,type="CertificatesReady",reason="Ready"} 1x10`, silent: 10,
	},
	"BlogCertificateExpires": {
		fault: `blogplatform_certificate_expiry_timestamp_seconds{$} 170000x5 9000000x5`, fires: 1, resolves: 7,
		nearMiss: "it expires in three days", miss: `blogplatform_certificate_expiry_timestamp_seconds{$} 259200x10`, silent: 10,
	},
	"BlogOperatorDown": {
		fault: `
			leader_election_master_status{#,pod="a"} 1x3 stale
			leader_election_master_status{#,pod="b"} _x9 1x5`, fires: 7, resolves: 10,
		nearMiss: "the lease passes to another replica", miss: `
			leader_election_master_status{#,pod="a"} 1x3 0x10
			leader_election_master_status{#,pod="b"} 0x4 1x10`, silent: 10,
	},
	"BlogOperatorErrors": {
		fault: `controller_runtime_reconcile_errors_total{#,controller="blogplatform"} 0x2 0+4x5 20x30`, fires: 9, resolves: 25,
		nearMiss: "an API server that was away for a moment", miss: `controller_runtime_reconcile_errors_total{#,controller="blogplatform"} 0x2 5x20`, silent: 12,
	},
	"BlogOperatorQueueGrows": {
		fault: `workqueue_depth{#,name="blogplatform",controller="blogplatform"} 15x5 0x5`, fires: 4, resolves: 8,
		nearMiss: "all platforms are looked at after a start", miss: `workqueue_depth{#,name="blogplatform",controller="blogplatform"} 50 50 20 0 0`, silent: 4,
	},
	"BlogDriftRepeats": {
		fault: `blogplatform_drift_repairs_total{$,kind="Service"} 0+1x10 10x60`, fires: 9, resolves: 50,
		nearMiss: "an edit by hand", miss: `blogplatform_drift_repairs_total{$,kind="Service"} 0x2 1x10`, silent: 10,
	},
}

func TestEachAlertFiresAndResolvesAndIsSilentWhenItShouldBe(t *testing.T) {
	parsed, _ := readRules(t)
	if told := slices.Sorted(maps.Keys(alerts)); !slices.Equal(told, parsed.alerts()) {
		t.Errorf("alerts  %q\nstories %q", parsed.alerts(), told)
	}
	for name, s := range alerts {
		if s.step == 0 {
			s.step = time.Minute
		}
		t.Run(name, func(t *testing.T) {
			fire := firing(t, s.step, s.fault, slices.Compact(slices.Sorted(slices.Values(append(upTo(s.fires), upTo(s.resolves)...)))))
			alert := find(fire[s.fires], name)
			if alert == nil {
				t.Fatalf("it does not fire at minute %d", s.fires)
			}
			for _, annotation := range []string{"summary", "description"} {
				if text := alert.Annotations.Get(annotation); text == "" || strings.Contains(text, "error") && strings.Contains(text, "expanding") || strings.Contains(text, "{{") {
					t.Errorf("its %s is %q", annotation, text)
				}
			}
			if next := alert.Annotations.Get("description"); !strings.Contains(next, ". Run: kubectl ") {
				t.Errorf("its description does not say what to run: %q", next)
			}
			if find(fire[s.resolves], name) != nil {
				t.Errorf("it has not resolved at minute %d", s.resolves)
			}
		})
		t.Run(name+"/"+s.nearMiss, func(t *testing.T) {
			for minute, fire := range firing(t, s.step, s.miss, upTo(s.silent)) {
				if find(fire, name) != nil {
					t.Errorf("it fires at minute %d", minute)
				}
			}
		})
	}
}

// TestABackupOfLongAgoIsAnAlertToo, whatever the operator knows of its schedule.
func TestABackupOfLongAgoIsAnAlertToo(t *testing.T) {
	fire := firing(t, time.Minute, `blogplatform_backup_timestamp_seconds{$,type="incremental"} -700000x3 240x10`, upTo(8))
	if find(fire[2], "BlogBackupOverdue") == nil || find(fire[8], "BlogBackupOverdue") != nil {
		t.Errorf("after two minutes %v, after eight %v", fire[2], fire[8])
	}
}

// upTo are the ten minutes before one, as far as they are there, and that one: more
// than any alert waits before it fires.
func upTo(minute int) []int {
	var minutes []int
	for m := max(0, minute-10); m <= minute; m++ {
		minutes = append(minutes, m)
	}
	return minutes
}
