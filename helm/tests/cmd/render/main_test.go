package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestItWritesWhatEachRoleIsStartedWith(t *testing.T) {
	out := t.TempDir()
	values := filepath.Join(out, "values.yaml")
	text := "drainSeconds: 3\nroles: {message: {extraEnv: [{name: RUST_LOG, value: debug}]}}\n"
	if err := os.WriteFile(values, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(out, []string{values}); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(out, "roles.json"))
	if err != nil {
		t.Fatal(err)
	}
	var roles []role
	if err := json.Unmarshal(written, &roles); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, role := range roles {
		names = append(names, role.Role)
		kept, err := os.ReadFile(filepath.Join(out, role.Role, "parlance.toml"))
		if err != nil || string(kept) != role.Config || !strings.Contains(role.Config, "drain_s = 3\n") {
			t.Errorf("%s: %v\n%s", role.Role, err, role.Config)
		}
		if role.Args[0] != role.Role || role.Args[1] != "--config="+role.ConfigPath {
			t.Errorf("%s is started with %v", role.Role, role.Args)
		}
		if role.Role == "message" && (role.Env["RUST_LOG"] != "debug" || role.SecretEnv["PARLANCE__REDIS__URL"].Key != "redis-url") {
			t.Errorf("message has %v and %v", role.Env, role.SecretEnv)
		}
	}
	if got := strings.Join(names, " "); got != "auth channel gateway link-preview message migrate notification presence" {
		t.Errorf("roles: %s", got)
	}
}
