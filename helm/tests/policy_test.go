package tests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"parlance/helm/tests/internal/chart"
)

func TestEveryContainerIsConfined(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, workload := range workloads(objects) {
			spec := chart.Table(pod(workload), "spec")
			is := func(what string, good bool) {
				if !good {
					t.Errorf("%s %s: %s", workload.Kind(), workload.Name(), what)
				}
			}
			security := chart.Table(spec, "securityContext")
			is("may run as root", security["runAsNonRoot"] == true && fmt.Sprint(security["runAsUser"]) != "0")
			is("no seccomp profile", chart.Text(security, "seccompProfile", "type") == "RuntimeDefault")
			is("gets a token of the API", spec["automountServiceAccountToken"] == false)
			is("gets service links", spec["enableServiceLinks"] == false)
			is("shares the host", spec["hostNetwork"] == nil && spec["hostPID"] == nil && spec["hostIPC"] == nil)
			is("has more than one container", len(chart.List(spec, "containers")) == 1 && spec["initContainers"] == nil)

			container := chart.Table(spec, "containers", 0)
			security = chart.Table(container, "securityContext")
			is("may gain privileges", security["allowPrivilegeEscalation"] == false && security["privileged"] == nil)
			is("may write its root", security["readOnlyRootFilesystem"] == true)
			is("may run as root", security["runAsNonRoot"] == true)
			is("keeps capabilities", fmt.Sprint(chart.At(security, "capabilities", "drop")) == "[ALL]" &&
				chart.At(security, "capabilities", "add") == nil)
			is("reserves nothing", chart.At(container, "resources", "requests", "cpu") != nil &&
				chart.At(container, "resources", "requests", "memory") != nil)
			is("may take all memory", chart.At(container, "resources", "limits", "memory") != nil)
			for _, volume := range chart.List(spec, "volumes") {
				is("mounts the host", chart.At(volume, "hostPath") == nil)
			}
			seen := map[string]bool{}
			for _, variable := range chart.List(container, "env") {
				name := chart.Text(variable, "name")
				is("sets "+name+" twice", !seen[name])
				seen[name] = true
			}
		}
	})
}

func TestEveryRoleIsProbedAndGoesGently(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, role := range ofKind(objects, "Deployment") {
			spec := chart.Table(pod(role), "spec")
			container := chart.Table(spec, "containers", 0)
			for probe, path := range map[string]string{"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"} {
				if chart.Text(container, probe, "httpGet", "path") != path || chart.Text(container, probe, "httpGet", "port") != "ops" {
					t.Errorf("%s: %s does not ask %s of the ops port", role.Name(), probe, path)
				}
			}
			strategy := chart.Table(role, "spec", "strategy", "rollingUpdate")
			if fmt.Sprint(strategy["maxUnavailable"]) != "0" || fmt.Sprint(strategy["maxSurge"]) != "1" {
				t.Errorf("%s: a rollout takes pods away before others are ready", role.Name())
			}
			grace, preStop := number(spec["terminationGracePeriodSeconds"]), number(chart.At(container, "lifecycle", "preStop", "sleep", "seconds"))
			drain := 0
			if role.Component() == "gateway" {
				drain = number(config(t, objects, role)["gateway.drain_s"])
			}
			if preStop < 1 || grace < 60 || grace < preStop+drain+15 {
				t.Errorf("%s: grace %d s, preStop %d s, drain %d s", role.Name(), grace, preStop, drain)
			}
		}
	})
}

func TestSecretsAreReferencesAndEachRoleHasOnlyItsOwn(t *testing.T) {
	key := regexp.MustCompile(`(?i)(secret|master_key|url|password)$`)
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, object := range ofKind(objects, "ConfigMap") {
			for file, text := range chart.Table(object, "data") {
				if strings.Contains(fmt.Sprint(text), "postgres://") || strings.Contains(fmt.Sprint(text), "redis://") {
					t.Errorf("%s/%s holds the URL of a store", object.Name(), file)
				}
			}
			if chart.Text(object, "data", "parlance.toml") == "" {
				continue
			}
			for setting := range flat(t, chart.Text(object, "data", "parlance.toml")) {
				if key.MatchString(setting) && setting != "gateway.public_url" {
					t.Errorf("%s holds %s", object.Name(), setting)
				}
			}
		}
		for _, workload := range workloads(objects) {
			for _, variable := range chart.List(pod(workload), "spec", "containers", 0, "env") {
				if key.MatchString(chart.Text(variable, "name")) && chart.At(variable, "valueFrom", "secretKeyRef") == nil {
					t.Errorf("%s: %s is no reference", workload.Name(), chart.Text(variable, "name"))
				}
			}
		}
	})

	for set, roles := range map[string]map[string]string{
		"defaults": {
			"auth":         "PARLANCE__AUTH__MASTER_KEY PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"link-preview": "PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET",
			"channel":      "PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"presence":     "PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"message":      "PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"notification": "PARLANCE__AUTH__MASTER_KEY PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"gateway":      "PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"migrate":      "PARLANCE__DATABASE__URL",
		},
		"one-own-database": {
			"channel": "PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL",
			"message": "PARLANCE__GRPC__SECRET PARLANCE__REDIS__URL PARLANCE__SERVICES__MESSAGE__DATABASE__URL",
			"migrate": "PARLANCE__DATABASE__URL PARLANCE__SERVICES__MESSAGE__DATABASE__URL",
		},
		"databases-per-service": {
			"migrate": "PARLANCE__SERVICES__AUTH__DATABASE__URL PARLANCE__SERVICES__CHANNEL__DATABASE__URL " +
				"PARLANCE__SERVICES__LINK_PREVIEW__DATABASE__URL PARLANCE__SERVICES__MESSAGE__DATABASE__URL " +
				"PARLANCE__SERVICES__NOTIFICATION__DATABASE__URL",
		},
		"another-role": {
			"word-search": "PARLANCE__DATABASE__URL PARLANCE__GRPC__SECRET",
		},
	} {
		for _, workload := range workloads(render(t, values(t, set))) {
			expected, listed := roles[workload.Component()]
			if !listed {
				continue
			}
			names := map[string]any{}
			for _, variable := range chart.List(pod(workload), "spec", "containers", 0, "env") {
				names[chart.Text(variable, "name")] = nil
			}
			if got := strings.Join(keys(names), " "); got != expected {
				t.Errorf("%s, %s: %s\nexpected %s", set, workload.Component(), got, expected)
			}
		}
	}
}

func TestSecretsByNameAreTheOnesGiven(t *testing.T) {
	auth := named(t, render(t, values(t, "secrets-by-name")), "Deployment", "parlance-auth")
	for _, variable := range chart.List(pod(auth), "spec", "containers", 0, "env") {
		expected := map[string]string{
			"PARLANCE__DATABASE__URL":    "chat-postgres uri",
			"PARLANCE__REDIS__URL":       "chat-redis uri",
			"PARLANCE__GRPC__SECRET":     "chat-grpc value",
			"PARLANCE__AUTH__MASTER_KEY": "chat-master-key value",
		}[chart.Text(variable, "name")]
		reference := chart.Table(variable, "valueFrom", "secretKeyRef")
		if got := fmt.Sprintf("%v %v", reference["name"], reference["key"]); got != expected {
			t.Errorf("%s comes from %s", chart.Text(variable, "name"), got)
		}
	}
}

func TestWhatIsReferredToExists(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		has := map[string]bool{}
		for _, object := range objects {
			has[object.Kind()+" "+object.Name()] = true
		}
		pods := workloads(objects)
		for _, workload := range pods {
			spec := chart.Table(pod(workload), "spec")
			if account := chart.Text(spec, "serviceAccountName"); account != "" && account != "default" && !has["ServiceAccount "+account] {
				t.Errorf("%s: no service account %s", workload.Name(), account)
			}
			mounts := map[string]bool{}
			for _, volume := range chart.List(spec, "volumes") {
				mounts[chart.Text(volume, "name")] = true
				if name := chart.Text(volume, "configMap", "name"); name != "" && !has["ConfigMap "+name] {
					t.Errorf("%s: no configuration %s", workload.Name(), name)
				}
			}
			for _, claim := range chart.List(workload, "spec", "volumeClaimTemplates") {
				mounts[chart.Text(claim, "metadata", "name")] = true
			}
			for _, mount := range chart.List(spec, "containers", 0, "volumeMounts") {
				if !mounts[chart.Text(mount, "name")] {
					t.Errorf("%s: no volume %s", workload.Name(), chart.Text(mount, "name"))
				}
			}
			if workload.Kind() != "Job" && !selects(chart.Table(workload, "spec", "selector"), workload) {
				t.Errorf("%s does not select its own pods", workload.Name())
			}
		}
		for _, service := range ofKind(objects, "Service") {
			for _, port := range chart.List(service, "spec", "ports") {
				found := 0
				for _, workload := range pods {
					if selects(map[string]any{"matchLabels": chart.At(service, "spec", "selector")}, workload) &&
						containerPort(workload, chart.Text(port, "targetPort")) != 0 {
						found++
					}
				}
				if found == 0 || (found > 1 && service.Component() != "metrics") {
					t.Errorf("service %s, port %s: %d workloads", service.Name(), chart.Text(port, "name"), found)
				}
			}
		}
		for _, scaler := range ofKind(objects, "HorizontalPodAutoscaler") {
			target := chart.Text(scaler, "spec", "scaleTargetRef", "name")
			if chart.At(named(t, objects, "Deployment", target), "spec", "replicas") != nil {
				t.Errorf("%s has an autoscaler and a number of replicas", target)
			}
		}
		for _, object := range ofKind(objects, "PodDisruptionBudget", "NetworkPolicy") {
			selector := chart.Table(object, "spec", "selector")
			if object.Kind() == "NetworkPolicy" {
				selector = chart.Table(object, "spec", "podSelector")
			}
			found := false
			for _, workload := range pods {
				found = found || selects(selector, workload)
			}
			if !found {
				t.Errorf("%s %s selects nothing", object.Kind(), object.Name())
			}
		}
		for _, ingress := range ofKind(objects, "Ingress") {
			for _, rule := range chart.List(ingress, "spec", "rules") {
				for _, path := range chart.List(rule, "http", "paths") {
					backend := chart.Table(path, "backend", "service")
					service := named(t, objects, "Service", chart.Text(backend, "name"))
					found := false
					for _, port := range chart.List(service, "spec", "ports") {
						found = found || chart.Text(port, "name") == chart.Text(backend, "port", "name")
					}
					if !found {
						t.Errorf("ingress: no port %s", chart.Text(backend, "port", "name"))
					}
				}
			}
			if chart.Text(ingress, "metadata", "annotations", "nginx.ingress.kubernetes.io/proxy-read-timeout") != "3600" {
				t.Error("the ingress cuts WebSockets off")
			}
		}
	})
}

// Custom metrics by which autoscalers may ask, and the metric of /metrics that each is made of.
var custom = map[string]string{
	"parlance_realtime_connections":       "parlance_realtime_connections",
	"parlance_presence_connections":       "parlance_presence_connections",
	"parlance_messages_stored_per_second": "parlance_messages_stored_total",
	"parlance_link_preview_in_flight":     "parlance_link_preview_in_flight",
	"parlance_notification_queue_depth":   "parlance_notification_queue_depth",
}

func TestAutoscalersAskForMetricsThatExist(t *testing.T) {
	sources := strings.Join([]string{
		sourcesOf(t, "gateway", "src"), sourcesOf(t, "services", "message", "src"), sourcesOf(t, "services", "presence", "src"),
		sourcesOf(t, "services", "link-preview", "src"), sourcesOf(t, "services", "notification", "src"),
	}, "\n")
	rules := read(t, root(), "helm", "prometheus-adapter.yaml")
	for asked, made := range custom {
		if !strings.Contains(sources, `"`+made+`"`) {
			t.Errorf("no code counts %s", made)
		}
		if !strings.Contains(rules, made) || !strings.Contains(rules, `as: "`+asked+`"`) {
			t.Errorf("helm/prometheus-adapter.yaml does not make %s of %s", asked, made)
		}
	}
	seen := map[string]bool{}
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, scaler := range ofKind(objects, "HorizontalPodAutoscaler") {
			for _, metric := range chart.List(scaler, "spec", "metrics") {
				switch kind := chart.Text(metric, "type"); kind {
				case "Resource":
					if chart.Text(metric, "resource", "name") != "cpu" {
						t.Errorf("%s: %v", scaler.Name(), metric)
					}
				default:
					name := chart.Text(metric, strings.ToLower(kind), "metric", "name")
					if custom[name] == "" {
						t.Errorf("%s asks for %q, which nobody provides", scaler.Name(), name)
					}
					seen[scaler.Component()+" "+name] = true
				}
			}
		}
	})
	for _, expected := range []string{
		"gateway parlance_realtime_connections", "presence parlance_presence_connections", "message parlance_messages_stored_per_second",
		"link-preview parlance_link_preview_in_flight", "notification parlance_notification_queue_depth",
	} {
		if !seen[expected] {
			t.Errorf("nothing scales %s", expected)
		}
	}
	for _, scaler := range ofKind(render(t, parse(t, "roleDefaults: {autoscaling: {enabled: true}}")), "HorizontalPodAutoscaler") {
		if len(chart.List(scaler, "spec", "metrics")) != 1 {
			t.Errorf("%s needs an adapter by default", scaler.Name())
		}
	}
}

func TestTheMigrationRunsBeforeNewPodsAndBesideATrial(t *testing.T) {
	job := named(t, render(t, nil), "Job", "parlance-migrate")
	if chart.Text(job, "metadata", "annotations", "helm.sh/hook") != "pre-install,pre-upgrade" {
		t.Error("no hook")
	}
	// What the hook needs exists before it.
	for _, object := range ofKind(render(t, nil), "ConfigMap", "ServiceAccount") {
		if object.Component() == "migrate" && chart.Text(object, "metadata", "annotations", "helm.sh/hook-weight") != "-10" {
			t.Errorf("%s %s comes too late", object.Kind(), object.Name())
		}
	}
	for _, object := range render(t, values(t, "trial")) {
		if chart.Text(object, "metadata", "annotations", "helm.sh/hook") != "" {
			t.Errorf("%s %s waits for a database that is not there yet", object.Kind(), object.Name())
		}
	}
}

func number(value any) int {
	var number int
	_, _ = fmt.Sscan(fmt.Sprint(value), &number)
	return number
}

// selects says whether a label selector matches the pods of a workload.
func selects(selector map[string]any, workload chart.Object) bool {
	labels := chart.Table(pod(workload), "metadata", "labels")
	for name, value := range chart.Table(selector, "matchLabels") {
		if labels[name] != value {
			return false
		}
	}
	for _, expression := range chart.List(selector, "matchExpressions") {
		found := false
		for _, value := range chart.List(expression, "values") {
			found = found || labels[chart.Text(expression, "key")] == value
		}
		if chart.Text(expression, "operator") != "In" || !found {
			return false
		}
	}
	return true
}

func containerPort(workload chart.Object, name string) int {
	for _, port := range chart.List(pod(workload), "spec", "containers", 0, "ports") {
		if chart.Text(port, "name") == name {
			return number(chart.At(port, "containerPort"))
		}
	}
	return 0
}
