package tests

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"testing"

	"parlance/helm/tests/internal/chart"
)

// end is one end of a connection: a pod of ours (workload), or somebody outside.
type end struct {
	workload chart.Object
	// Labels of an outside pod and of its namespace; none = an address outside the cluster.
	labels, namespace map[string]any
	address           string
}

// allowed says whether the policies let `from` reach `port` of `to`. Ports are numbers of `to`.
func allowed(policies []chart.Object, from, to end, port int, protocol string) bool {
	return direction(policies, "ingress", "from", to, from, to, port, protocol) &&
		direction(policies, "egress", "to", from, to, to, port, protocol)
}

// direction says whether the policies of `own` let it talk with `other`.
func direction(policies []chart.Object, rules, peers string, own, other, to end, port int, protocol string) bool {
	if own.workload == nil {
		return true
	}
	isolated := false
	for _, policy := range policies {
		if !selects(chart.Table(policy, "spec", "podSelector"), own.workload) || !isolates(policy, rules) {
			continue
		}
		isolated = true
		for _, rule := range chart.List(policy, "spec", rules) {
			if portMatches(chart.List(rule, "ports"), to, port, protocol) && peerMatches(chart.List(rule, peers), other) {
				return true
			}
		}
	}
	return !isolated
}

// isolates says whether a policy is about the direction of these rules.
func isolates(policy chart.Object, rules string) bool {
	for _, kind := range chart.List(policy, "spec", "policyTypes") {
		if strings.EqualFold(fmt.Sprint(kind), rules) {
			return true
		}
	}
	return false
}

func portMatches(ports []any, to end, port int, protocol string) bool {
	if len(ports) == 0 {
		return true
	}
	for _, allowed := range ports {
		first := number(chart.At(allowed, "port"))
		if name := chart.Text(allowed, "port"); name != "" {
			first = containerPort(to.workload, name)
		}
		last := max(first, number(chart.At(allowed, "endPort")))
		if first <= port && port <= last && chart.Text(allowed, "protocol") == protocol {
			return true
		}
	}
	return false
}

func peerMatches(peers []any, other end) bool {
	if len(peers) == 0 {
		return true
	}
	for _, peer := range peers {
		if block := chart.Table(peer, "ipBlock"); block != nil {
			if address, err := netip.ParseAddr(other.address); err == nil && blockHolds(block, address) {
				return true
			}
			continue
		}
		pods, namespaces := chart.Table(peer, "podSelector"), chart.Table(peer, "namespaceSelector")
		switch {
		case namespaces != nil:
			if other.namespace != nil && labelled(namespaces, other.namespace) && (pods == nil || labelled(pods, other.labels)) {
				return true
			}
		case other.workload != nil && selects(pods, other.workload):
			return true
		}
	}
	return false
}

func blockHolds(block map[string]any, address netip.Addr) bool {
	for _, except := range chart.List(block, "except") {
		if netip.MustParsePrefix(fmt.Sprint(except)).Contains(address) {
			return false
		}
	}
	return netip.MustParsePrefix(chart.Text(block, "cidr")).Contains(address)
}

func labelled(selector, labels map[string]any) bool {
	return selects(selector, chart.Object{"spec": map[string]any{"template": map[string]any{"metadata": map[string]any{"labels": labels}}}})
}

func podsByRole(objects []chart.Object) map[string]end {
	ends := map[string]end{}
	for _, workload := range workloads(objects) {
		ends[workload.Component()] = end{workload: workload}
	}
	return ends
}

func TestWithoutAPolicyOfItsOwnAPodIsCutOff(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		policies := ofKind(objects, "NetworkPolicy")
		if len(policies) == 0 {
			t.Skip("switched off")
		}
		deny := policies[0]
		for _, policy := range policies {
			if len(chart.Table(policy, "spec", "podSelector", "matchLabels")) == 2 {
				deny = policy
			}
		}
		if chart.At(deny, "spec", "ingress") != nil || chart.At(deny, "spec", "egress") != nil ||
			!isolates(deny, "ingress") || !isolates(deny, "egress") {
			t.Errorf("%s lets something through", deny.Name())
		}
		for _, workload := range workloads(objects) {
			if !selects(chart.Table(deny, "spec", "podSelector"), workload) {
				t.Errorf("%s is not cut off", workload.Name())
			}
		}
	})
}

var internet = end{address: "8.8.8.8"}

func TestOnlyTheGatewayIsReachableFromOutside(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		policies := ofKind(objects, "NetworkPolicy")
		if len(policies) == 0 {
			t.Skip("switched off")
		}
		inside := end{namespace: map[string]any{"kubernetes.io/metadata.name": "elsewhere"}, labels: map[string]any{}}
		proxy := end{namespace: map[string]any{"kubernetes.io/metadata.name": "ingress-nginx"}, labels: map[string]any{}}
		reached := map[string]bool{}
		for role, to := range podsByRole(objects) {
			for _, port := range []int{5501, 8001, 50051, 9090, 5432, 6379} {
				for _, from := range []end{internet, inside, proxy} {
					if allowed(policies, from, to, port, "TCP") {
						reached[fmt.Sprintf("%s:%d", role, port)] = true
					}
				}
			}
		}
		var list []string
		for name := range reached {
			list = append(list, name)
		}
		sort.Strings(list)
		if got := strings.Join(list, " "); got != "gateway:5501 gateway:8001" {
			t.Errorf("reachable from outside: %s", got)
		}
	})
}

func TestRolesReachWhatTheyCallAndNothingElse(t *testing.T) {
	calls := map[string]string{
		"auth":         "",
		"link-preview": "auth",
		"channel":      "auth",
		"presence":     "auth channel",
		"message":      "auth channel link-preview",
		"notification": "auth channel message presence",
		"gateway":      "auth channel message notification presence",
		"migrate":      "",
	}
	for _, name := range []string{"defaults", "production", "trial"} {
		t.Run(name, func(t *testing.T) {
			objects := render(t, values(t, name))
			policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
			for role, expected := range calls {
				var reached []string
				for other, to := range pods {
					if other != role && !strings.HasPrefix(other, "trial-") && allowed(policies, pods[role], to, 50051, "TCP") {
						reached = append(reached, other)
					}
					if allowed(policies, pods[role], to, 9090, "TCP") {
						t.Errorf("%s may ask %s for its metrics", role, other)
					}
				}
				sort.Strings(reached)
				if got := strings.Join(reached, " "); got != expected {
					t.Errorf("%s reaches %q, not %q", role, got, expected)
				}
			}
		})
	}
}

func TestStoresAreReachedByTheRolesThatNeedThem(t *testing.T) {
	database := map[string]bool{
		"auth": true, "link-preview": true, "channel": true, "message": true, "notification": true, "migrate": true,
	}
	redis := map[string]bool{
		"auth": true, "channel": true, "message": true, "presence": true, "notification": true, "gateway": true,
	}

	objects := render(t, values(t, "production"))
	policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	for role, from := range pods {
		for _, port := range []int{5432, 6432} {
			if allowed(policies, from, end{address: "10.20.0.9"}, port, "TCP") != database[role] {
				t.Errorf("%s and PostgreSQL on port %d", role, port)
			}
		}
		if allowed(policies, from, end{address: "10.21.0.9"}, 6379, "TCP") != redis[role] {
			t.Errorf("%s and Redis", role)
		}
		for _, to := range []end{internet, {address: "10.21.0.9"}} {
			if allowed(policies, from, to, 5432, "TCP") {
				t.Errorf("%s reaches databases at %s", role, to.address)
			}
		}
		if allowed(policies, from, end{address: "10.21.0.9"}, 443, "TCP") {
			t.Errorf("%s reaches more than Redis where Redis is", role)
		}
	}

	objects = render(t, values(t, "trial"))
	policies, pods = ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	for role, from := range pods {
		if strings.HasPrefix(role, "trial-") {
			continue
		}
		if allowed(policies, from, pods["trial-postgres"], 5432, "TCP") != database[role] {
			t.Errorf("trial: %s and PostgreSQL", role)
		}
		if allowed(policies, from, pods["trial-redis"], 6379, "TCP") != redis[role] {
			t.Errorf("trial: %s and Redis", role)
		}
		if allowed(policies, from, internet, 5432, "TCP") {
			t.Errorf("trial: %s reaches databases elsewhere", role)
		}
	}
}

func TestNamesMetricsAndTracesGetThrough(t *testing.T) {
	objects := render(t, parse(t, `config: {telemetry: {otlp_endpoint: "http://collector:4317"}}`))
	policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	system := end{namespace: map[string]any{"kubernetes.io/metadata.name": "kube-system"}, labels: map[string]any{}}
	prometheus := end{namespace: map[string]any{"kubernetes.io/metadata.name": "monitoring"}, labels: map[string]any{}}
	for role, from := range pods {
		for _, protocol := range []string{"UDP", "TCP"} {
			if !allowed(policies, from, system, 53, protocol) {
				t.Errorf("%s cannot ask for names over %s", role, protocol)
			}
		}
		if role == "migrate" {
			continue
		}
		if !allowed(policies, prometheus, from, 9090, "TCP") || allowed(policies, prometheus, from, 50051, "TCP") {
			t.Errorf("Prometheus and %s", role)
		}
		if !allowed(policies, from, prometheus, 4317, "TCP") {
			t.Errorf("%s cannot send traces", role)
		}
	}
	policies = ofKind(render(t, nil), "NetworkPolicy")
	if allowed(policies, pods["auth"], prometheus, 4317, "TCP") {
		t.Error("the port for traces is open although nothing is exported")
	}
}

func TestConsumersOfATeamMayBeLetInOverGrpc(t *testing.T) {
	objects := render(t, values(t, "everything"))
	policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	reports := end{namespace: map[string]any{"team": "billing"}, labels: map[string]any{"app": "reports"}}
	other := end{namespace: map[string]any{"team": "billing"}, labels: map[string]any{"app": "other"}}
	for _, role := range []string{"auth", "link-preview", "channel", "presence", "message", "notification"} {
		if !allowed(policies, reports, pods[role], 50051, "TCP") || allowed(policies, other, pods[role], 50051, "TCP") {
			t.Errorf("%s is open to the wrong pods", role)
		}
	}
	if allowed(policies, reports, pods["gateway"], 9090, "TCP") {
		t.Error("the gateway's metrics are open")
	}
}
