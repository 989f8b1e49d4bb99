package tests

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"parlance/helm/tests/internal/chart"
)

// flat reads TOML as one map of `section.key` to value.
func flat(t *testing.T, text string) map[string]any {
	t.Helper()
	var tables map[string]any
	if _, err := toml.Decode(text, &tables); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	settings := map[string]any{}
	var flatten func(prefix string, table map[string]any)
	flatten = func(prefix string, table map[string]any) {
		for key, value := range table {
			if inner, is := value.(map[string]any); is {
				flatten(prefix+key+".", inner)
			} else {
				settings[prefix+key] = value
			}
		}
	}
	flatten("", tables)
	return settings
}

// config gives the settings that a role finds in its file.
func config(t *testing.T, objects []chart.Object, role chart.Object) map[string]any {
	t.Helper()
	for _, volume := range chart.List(pod(role), "spec", "volumes") {
		if chart.Text(volume, "name") == "config" {
			name := chart.Text(volume, "configMap", "name")
			return flat(t, chart.Text(named(t, objects, "ConfigMap", name), "data", "parlance.toml"))
		}
	}
	t.Fatalf("%s has no configuration", role.Name())
	return nil
}

func TestEverySettingExistsAndHasTheRightType(t *testing.T) {
	reference := flat(t, read(t, root(), "services", "parlance", "src", "defaults.toml"))
	// The role that is made up has a section that the program does not have.
	madeUp := func(setting string) bool { return strings.HasPrefix(setting, "services.word_search.") }
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, role := range append(ofKind(objects, "Deployment"), ofKind(objects, "Job")...) {
			for setting, value := range config(t, objects, role) {
				known, exists := reference[setting]
				if !exists && !madeUp(setting) {
					t.Errorf("%s: no setting %s", role.Name(), setting)
				} else if exists && fmt.Sprintf("%T", known) != fmt.Sprintf("%T", value) {
					t.Errorf("%s: %s = %v, but its default is %v", role.Name(), setting, value, known)
				}
			}
			for _, variable := range chart.List(pod(role), "spec", "containers", 0, "env") {
				name, ours := strings.CutPrefix(chart.Text(variable, "name"), "PARLANCE__")
				setting := strings.ReplaceAll(strings.ToLower(name), "__", ".")
				if _, exists := reference[setting]; ours && !exists && !madeUp(setting) {
					t.Errorf("%s: no setting %s", role.Name(), setting)
				}
			}
		}
	})
}

func TestAddressesPointAtServicesAndListenersAtPorts(t *testing.T) {
	every(t, func(t *testing.T, objects []chart.Object) {
		for _, role := range ofKind(objects, "Deployment") {
			settings := config(t, objects, role)
			ports := map[string]string{"ops": "ops.listen"}
			if role.Component() == "gateway" {
				ports["http"], ports["realtime"] = "gateway.listen", "gateway.realtime_listen"
			} else {
				ports["grpc"] = "grpc.listen"
			}
			for port, setting := range ports {
				if listen := fmt.Sprintf("0.0.0.0:%d", containerPort(role, port)); settings[setting] != listen {
					t.Errorf("%s: port %s is %s, but %s is %v", role.Name(), port, listen, setting, settings[setting])
				}
			}
			if role.Component() == "gateway" {
				continue
			}
			service := strings.ReplaceAll(role.Component(), "-", "_")
			address := fmt.Sprintf("[dns:%s:%d]", role.Name(), containerPort(role, "grpc"))
			if got := fmt.Sprint(settings["services."+service+".addresses"]); got != address {
				t.Errorf("%s is looked for at %s", role.Name(), got)
			}
			headless := named(t, objects, "Service", role.Name())
			if chart.Text(headless, "spec", "clusterIP") != "None" {
				t.Errorf("%s has one address for all pods", role.Name())
			}
		}
	})
}

func TestValuesBecomeSettingsAsTheyAre(t *testing.T) {
	objects := render(t, parse(t, `
config:
  gateway: {allowed_origins: ["https://a.example.org", "https://b.example.org"], max_body_bytes: 1048576}
  realtime: {max_connections: 100000000}
  telemetry: {sample_ratio: 0.25, otlp_endpoint: "http://collector:4317"}
  dialects: {chatsdk: {require_api_key: false}}
  log: {level: "quoted \"text\" with \\ and <tags>"}
drainSeconds: 7
ingress: {enabled: true, hosts: [{host: chat.example.org}], tls: [{secretName: a, hosts: [chat.example.org]}]}
`))
	settings := config(t, objects, named(t, objects, "Deployment", "parlance-gateway"))
	for setting, expected := range map[string]any{
		"gateway.allowed_origins":          []any{"https://a.example.org", "https://b.example.org"},
		"gateway.max_body_bytes":           int64(1048576),
		"realtime.max_connections":         int64(100000000),
		"telemetry.sample_ratio":           0.25,
		"dialects.chatsdk.require_api_key": false,
		"log.level":                        `quoted "text" with \ and <tags>`,
		"log.format":                       "json",
		"gateway.drain_s":                  int64(7),
		"gateway.public_url":               "https://chat.example.org",
		"production":                       true,
	} {
		if fmt.Sprint(settings[setting]) != fmt.Sprint(expected) {
			t.Errorf("%s = %v, not %v", setting, settings[setting], expected)
		}
	}
}

func TestChangedSettingsRollThePods(t *testing.T) {
	checksum := func(values string) string {
		role := named(t, render(t, parse(t, values)), "Deployment", "parlance-auth")
		return chart.Text(pod(role), "metadata", "annotations", "checksum/config")
	}
	if a, b := checksum("{}"), checksum("config: {log: {level: debug}}"); a == b || len(a) != 64 {
		t.Errorf("%s and %s", a, b)
	}
}

// sourcesOf reads all Rust files of a folder.
func sourcesOf(t *testing.T, folder ...string) string {
	t.Helper()
	var files []string
	base := filepath.Join(append([]string{root()}, folder...)...)
	err := filepath.WalkDir(base, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".rs") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	var text strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}
