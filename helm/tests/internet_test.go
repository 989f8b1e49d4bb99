package tests

import (
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"testing"

	"parlance/helm/tests/internal/chart"
)

// Ports on which something of ours, of the cluster or of a provider usually listens; none of a store's, which
// a role may reach anywhere unless it is told where they are.
var usual = []int{22, 25, 80, 443, 2197, 2379, 3000, 5501, 6443, 8001, 8080, 9090, 10250, 50051}

// Addresses that everybody may reach, those beside networks that are left out among them.
var public = []string{
	"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
	"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
	"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
	"2001:200::1", "2001:4860:4860::8888", "2003::1", "2606:4700:4700::1111", "2a00::1",
}

// Addresses that nobody is to be sent to by a link.
var internal = []string{
	"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.200", "100.127.255.255",
	"127.0.0.1", "127.255.255.255", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.0",
	"172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "198.18.0.1",
	"198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::8.8.8.8", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "100::1", "2001::1", "2001:db8::1", "2002:a00:1::1",
	"3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
}

// reached gives "role:port" for everything by which pods of ours reach one of the addresses.
func reached(objects []chart.Object, addresses []string) string {
	found := map[string]any{}
	for role, from := range podsByRole(objects) {
		// Those that are about this pod, once: there are many addresses.
		var policies []chart.Object
		for _, policy := range ofKind(objects, "NetworkPolicy") {
			if selects(chart.Table(policy, "spec", "podSelector"), from.workload) {
				policies = append(policies, policy)
			}
		}
		for _, port := range usual {
			for _, address := range addresses {
				to := end{address: address}
				if allowed(policies, from, to, port, "TCP") || allowed(policies, from, to, port, "UDP") {
					found[fmt.Sprintf("%s:%d", role, port)] = nil
				}
			}
		}
	}
	return strings.Join(keys(found), " ")
}

func TestOnlyLinkPreviewAndNotificationReachTheInternet(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		if len(ofKind(objects, "NetworkPolicy")) == 0 {
			t.Skip("switched off")
		}
		expected := "link-preview:443 link-preview:80 notification:2197 notification:443"
		switch {
		case strings.HasSuffix(t.Name(), "no-previews"):
			expected = "notification:2197 notification:443"
		case strings.HasSuffix(t.Name(), "outside"):
			expected = "link-preview:10250 link-preview:2197 link-preview:2379 link-preview:3000 link-preview:443 " +
				"link-preview:50051 link-preview:5501 link-preview:6443 link-preview:80 link-preview:8001 link-preview:8080 " +
				"link-preview:9090 notification:2197 notification:443"
		}
		if got := reached(objects, []string{"8.8.8.8"}); got != expected {
			t.Errorf("reach the internet over IPv4: %s", got)
		}
		if got := reached(objects, []string{"2606:4700:4700::1111"}); got != expected {
			t.Errorf("reach the internet over IPv6: %s", got)
		}
	})
}

func TestEveryPublicAddressAndNoInternalOneIsTheInternet(t *testing.T) {
	objects := render(t, nil)
	policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	for _, role := range []string{"link-preview", "notification"} {
		for _, address := range public {
			if !allowed(policies, pods[role], end{address: address}, 443, "TCP") {
				t.Errorf("%s does not reach %s", role, address)
			}
		}
	}
	every(t, func(t *testing.T, objects []chart.Object) {
		if len(ofKind(objects, "NetworkPolicy")) == 0 {
			t.Skip("switched off")
		}
		addresses := internal
		if strings.HasSuffix(t.Name(), "everything") {
			// Its `extraEgress` lets every role reach a network for documentation.
			addresses = without(internal, "198.51.100.7")
		}
		if got := reached(objects, addresses); got != "" {
			t.Errorf("reach addresses that are not public: %s", got)
		}
		// A pod or a node elsewhere in the cluster that has no address which the policies know.
		elsewhere := end{namespace: map[string]any{"kubernetes.io/metadata.name": "elsewhere"}, labels: map[string]any{}}
		for role, from := range podsByRole(objects) {
			for _, port := range usual {
				if allowed(ofKind(objects, "NetworkPolicy"), from, elsewhere, port, "TCP") {
					t.Errorf("%s reaches port %d of pods of others", role, port)
				}
			}
		}
	})
}

func TestWhatIsOpenToRolesIsWiderOrNarrowerByValues(t *testing.T) {
	objects := render(t, values(t, "outside"))
	policies, pods := ofKind(objects, "NetworkPolicy"), podsByRole(objects)
	novu := end{namespace: map[string]any{"kubernetes.io/metadata.name": "novu"}, labels: map[string]any{}}
	for role, from := range pods {
		if allowed(policies, from, novu, 3000, "TCP") != (role == "notification") || allowed(policies, from, novu, 443, "TCP") {
			t.Errorf("%s and the Novu of the cluster", role)
		}
	}
	ours := []string{"192.0.1.0", "223.255.255.255", "2a00::1"}
	if got := reached(objects, ours); got != "" {
		t.Errorf("reach public addresses of ours: %s", got)
	}
	for _, address := range without(public, append(ours, "192.169.0.0", "192.167.255.255", "198.17.255.255", "198.20.0.0",
		"203.0.112.255", "203.0.114.0")...) {
		if !allowed(policies, pods["link-preview"], end{address: address}, 1024, "TCP") ||
			allowed(policies, pods["link-preview"], end{address: address}, 1023, "TCP") {
			t.Errorf("link-preview and %s", address)
		}
	}
	// Without a role's own ports there is no rule: not one that is open to everything.
	objects = render(t, parse(t, "roles: {link-preview: {internet: {ports: []}}, notification: {internet: {ports: []}}}"))
	if got := reached(objects, public); got != "" {
		t.Errorf("reach the internet without a port: %s", got)
	}
}

func TestNetworksThatAreLeftOutLieWithinTheirBlock(t *testing.T) {
	// The API server refuses a policy otherwise.
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, policy := range ofKind(objects, "NetworkPolicy") {
			for _, rule := range chart.List(policy, "spec", "egress") {
				for _, peer := range chart.List(rule, "to") {
					block := chart.Table(peer, "ipBlock")
					for _, text := range chart.List(block, "except") {
						whole, except := netip.MustParsePrefix(chart.Text(block, "cidr")), netip.MustParsePrefix(fmt.Sprint(text))
						if except != except.Masked() || !whole.Contains(except.Addr()) || except.Bits() <= whole.Bits() {
							t.Errorf("%s: %s is not within %s", policy.Name(), except, whole)
						}
					}
				}
			}
		}
	})
}

// without gives a list less some of its items.
func without(list []string, items ...string) []string {
	var left []string
	for _, item := range list {
		if !contains(items, item) {
			left = append(left, item)
		}
	}
	sort.Strings(left)
	return left
}
