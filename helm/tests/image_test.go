package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parlance/helm/tests/internal/chart"
)

func TestTheImageFitsTheChart(t *testing.T) {
	recipe := strings.ReplaceAll(read(t, root(), "Dockerfile"), "\\\n", " ")
	find := func(pattern string) []string {
		match := regexp.MustCompile(`(?m)` + pattern).FindStringSubmatch(recipe)
		if match == nil {
			t.Fatalf("the Dockerfile has no %s", pattern)
		}
		return match[1:]
	}
	defaults := parse(t, read(t, chartFolder(), "values.yaml"))
	security := chart.Table(defaults, "podSecurityContext")
	user := find(`^USER (\d+):(\d+)$`)
	if fmt.Sprint(security["runAsUser"]) != user[0] || fmt.Sprint(security["runAsGroup"]) != user[1] {
		t.Errorf("the image runs as %v, the chart as %v", user, security)
	}
	find(`^ENTRYPOINT \["parlance"\]$`)
	find(`cargo build --release --locked`)
	find(`^COPY --from=build --chown=` + strings.Join(user, ":") + ` /root-of-image/data /data$`)

	exposed := strings.Fields(find(`^EXPOSE (.*)$`)[0])
	for _, role := range ofKind(render(t, nil), "Deployment") {
		for _, port := range chart.List(pod(role), "spec", "containers", 0, "ports") {
			if number := fmt.Sprint(chart.At(port, "containerPort")); !contains(exposed, number) {
				t.Errorf("%s has port %s, the image exposes %v", role.Name(), number, exposed)
			}
		}
	}

	// The image's environment beats the chart's file, so both must say the same.
	reference := flat(t, read(t, root(), "services", "parlance", "src", "defaults.toml"))
	settings := config(t, render(t, nil), named(t, render(t, nil), "Deployment", "parlance-gateway"))
	for _, match := range regexp.MustCompile(`PARLANCE__(\w+)=(\S+)`).FindAllStringSubmatch(recipe, -1) {
		setting := strings.ReplaceAll(strings.ToLower(match[1]), "__", ".")
		if reference[setting] == nil {
			t.Errorf("the image sets %s, which does not exist", setting)
		}
		if charts, set := settings[setting]; set && charts != match[2] {
			t.Errorf("%s is %s in the image and %v in the chart", setting, match[2], charts)
		}
	}

	version := func(text, pattern string) string {
		match := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if match == nil {
			t.Fatalf("no %s", pattern)
		}
		return match[1]
	}
	workspace := read(t, root(), "Cargo.toml")
	var needs, has int
	_, _ = fmt.Sscan(version(workspace, `rust-version = "1\.(\d+)`), &needs)
	_, _ = fmt.Sscan(version(recipe, `FROM rust:1\.(\d+)`), &has)
	if has < needs {
		t.Errorf("the image is built with Rust 1.%d, the workspace needs 1.%d", has, needs)
	}
	about := parse(t, read(t, chartFolder(), "Chart.yaml"))
	program := version(workspace, `(?m)^version = "([^"]+)"`)
	if chart.Text(about, "appVersion") != program || version(recipe, `ARG VERSION=(\S+)`) != program {
		t.Errorf("the program is %s; chart or image say otherwise", program)
	}
}

func TestTheImageHoldsEveryLibraryOfTheProgram(t *testing.T) {
	program, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs a program that links libraries")
	}
	linked, err := exec.Command("ldd", program).Output()
	if err != nil {
		t.Skip("needs ldd")
	}
	folder := filepath.Join(t.TempDir(), "root")
	if output, err := exec.Command(filepath.Join(root(), "scripts", "image-root"), program, folder).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	libraries := regexp.MustCompile(`/\S+`).FindAllString(string(linked), -1)
	if len(libraries) < 2 {
		t.Fatalf("ldd says %s", linked)
	}
	for _, path := range append(libraries, "/usr/bin/parlance", "/etc/passwd", "/data", "/tmp") {
		if info, err := os.Lstat(filepath.Join(folder, path)); err != nil || info.Mode()&os.ModeSymlink != 0 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func contains(list []string, item string) bool {
	for _, each := range list {
		if each == item {
			return true
		}
	}
	return false
}
