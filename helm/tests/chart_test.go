package tests

import (
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"

	"parlance/helm/tests/internal/chart"
)

func TestLintFindsNothingWithAnyValues(t *testing.T) {
	for _, set := range sets(t) {
		t.Run(set.name, func(t *testing.T) {
			linter := lint.All(chartFolder(), set.values, "chat", true)
			for _, message := range linter.Messages {
				// An icon is the one thing that it merely recommends.
				if message.Severity > support.InfoSev {
					t.Errorf("%s", message)
				}
			}
		})
	}
}

func TestEveryManifestIsValidInEveryKubernetes(t *testing.T) {
	validators, err := validators()
	if err != nil {
		t.Fatal(err)
	}
	every(t, func(t *testing.T, objects []chart.Object) {
		for version, validator := range validators {
			for _, object := range objects {
				if err := validator.Validate(object); err != nil {
					t.Errorf("%s %s in %s: %v", object.Kind(), object.Name(), version, err)
				}
			}
		}
	})
}

func TestTheValidatorRefusesWhatTheServerWould(t *testing.T) {
	validators, err := validators()
	if err != nil {
		t.Fatal(err)
	}
	for name, break_ := range map[string]func(deployment chart.Object){
		"an unknown field": func(d chart.Object) { chart.Table(d, "spec")["replica"] = 2 },
		"a wrong type":     func(d chart.Object) { chart.Table(d, "spec")["replicas"] = "two" },
		"a missing field":  func(d chart.Object) { delete(chart.Table(d, "spec"), "selector") },
		"an unknown kind":  func(d chart.Object) { d["kind"] = "Deploymint" },
		"an unknown field deep inside": func(d chart.Object) {
			chart.Table(d, "spec", "template", "spec", "containers", 0)["readynessProbe"] = map[string]any{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			deployment := named(t, render(t, nil), "Deployment", "parlance-auth")
			break_(deployment)
			for version, validator := range validators {
				if validator.Validate(deployment) == nil {
					t.Errorf("%s takes it", version)
				}
			}
		})
	}
}

func TestEveryObjectIsNamedOnceAndShortEnough(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		seen := map[string]bool{}
		for _, object := range objects {
			key := object.Kind() + " " + object.Name()
			if object.Name() == "" || len(object.Name()) > 63 || seen[key] {
				t.Errorf("%s: no name, a long one, or twice the same", key)
			}
			seen[key] = true
			if object.Kind() != "Namespace" && chart.Text(object, "metadata", "labels", "app.kubernetes.io/instance") == "" {
				t.Errorf("%s does not say which release it belongs to", key)
			}
		}
	})
}

func TestNamesStayValidForALongReleaseName(t *testing.T) {
	name := strings.Repeat("long-", 10) + "end"
	rendered, err := chart.Render(chart.Release{Dir: chartFolder(), Name: name, Values: parse(t, "trial: {enabled: true}")})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range rendered.Objects {
		if len(object.Name()) > 63 || strings.HasSuffix(object.Name(), "-") {
			t.Errorf("%s %s", object.Kind(), object.Name())
		}
	}
}

func TestNotesNameTheNextSteps(t *testing.T) {
	for _, set := range sets(t) {
		rendered, err := chart.Render(chart.Release{Dir: chartFolder(), Values: set.values})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(rendered.Notes, "parlance app create --name") || strings.Contains(rendered.Notes, "<no value>") {
			t.Errorf("%s: %s", set.name, rendered.Notes)
		}
		if trial := strings.Contains(rendered.Notes, "Not for production"); trial != (chart.At(set.values, "trial", "enabled") == true) {
			t.Errorf("%s: the notes and the values disagree whether this is a trial", set.name)
		}
	}
}

func TestDashboardAndAlertsAreRenderedIfTheChartHasThem(t *testing.T) {
	on := parse(t, "{prometheusRule: {enabled: true}, dashboard: {enabled: true}}")
	files := map[string]string{
		"dashboards/test.json": `{"title": "{{role}} of Parlance"}`,
		"alerts/parlance.yaml": "groups:\n  - name: test\n    rules:\n      - alert: Down\n        expr: up == 0\n        annotations: {summary: \"{{ $labels.role }} is down\"}\n",
	}
	loaded, err := loader.Load(chartFolder())
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range loaded.Files {
		delete(files, file.Name)
	}
	rendered, err := chart.Render(chart.Release{Dir: chartFolder(), Values: on, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	validators, err := validators()
	if err != nil {
		t.Fatal(err)
	}
	rule := named(t, rendered.Objects, "PrometheusRule", "parlance")
	if err := validators["v1.34"].Validate(rule); err != nil {
		t.Error(err)
	}
	dashboard := named(t, rendered.Objects, "ConfigMap", "parlance-dashboard")
	if chart.Text(dashboard, "data", "test.json") != files["dashboards/test.json"] {
		t.Error("the dashboard was changed on its way")
	}
	if len(ofKind(render(t, nil), "PrometheusRule", "ServiceMonitor")) > 0 {
		t.Error("kinds that a plain cluster does not know are rendered by default")
	}
}

func TestARoleThatJoinsNeedsOnlyAnEntry(t *testing.T) {
	objects := render(t, values(t, "another-role"))
	for _, kind := range []string{"Deployment", "Service", "ServiceAccount", "NetworkPolicy", "PodDisruptionBudget"} {
		named(t, objects, kind, "parlance-word-search")
	}
	config := chart.Text(named(t, objects, "ConfigMap", "parlance"), "data", "parlance.toml")
	if expected := "[services.word_search]\naddresses = [\"dns:parlance-word-search:50051\"]"; !strings.Contains(config, expected) {
		t.Errorf("%s\nlacks %s", config, expected)
	}
	without := render(t, parse(t, "roles: {gateway: {enabled: false}}"))
	for _, object := range without {
		if object.Component() == "gateway" {
			t.Errorf("%s %s of a role that is switched off", object.Kind(), object.Name())
		}
	}
}

func TestTheSecretsOfATrialAreMadeAndFitTogether(t *testing.T) {
	secret := named(t, render(t, values(t, "trial")), "Secret", "parlance")
	data := chart.Table(secret, "stringData")
	text := func(key string) string { return chart.Text(data, key) }
	if len(text("grpc-secret")) < 16 || len(text("master-key")) != 44 {
		t.Errorf("secrets are too short: %d, %d", len(text("grpc-secret")), len(text("master-key")))
	}
	if text("database-url") != "postgres://parlance:"+text("postgres-password")+"@parlance-postgres:5432/parlance" {
		t.Error("the database URL does not fit the password")
	}
	if text("redis-url") != "redis://:"+text("redis-password")+"@parlance-redis:6379/0" {
		t.Error("the Redis URL does not fit the password")
	}
	if len(ofKind(render(t, nil), "Secret")) > 0 {
		t.Error("a Secret is made outside a trial")
	}
}

func TestMetricsCarryTheRoleAndKeepTheirOwnLabels(t *testing.T) {
	monitor := named(t, render(t, parse(t, "serviceMonitor: {enabled: true}")), "ServiceMonitor", "parlance")
	var role, kept bool
	for _, change := range chart.List(monitor, "spec", "endpoints", 0, "relabelings") {
		role = role || chart.Text(change, "targetLabel") == "role"
		// Prometheus would rename our label `service`, since the operator sets one of the same name.
		kept = kept || chart.Text(change, "action") == "labeldrop" && chart.Text(change, "regex") == "service"
	}
	if !role || !kept {
		t.Errorf("%v", monitor)
	}
}
