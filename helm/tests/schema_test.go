package tests

import (
	"encoding/json"
	"strings"
	"testing"

	"parlance/helm/tests/internal/chart"
)

func TestValuesThatMakeNoSenseAreRefused(t *testing.T) {
	for values, about := range map[string]string{
		"replicas: 3":                                                   "replicas",
		"roles: {auth: {replica: 3}}":                                   "replica",
		"roles: {auth: {replicas: two}}":                                "replicas",
		"roles: {auth: {replicas: -1}}":                                 "replicas",
		"roles: {Auth: {}}":                                             "Auth",
		"roles: {migrate: {}}":                                          "migrate",
		"roles: {auth: {calls: [nobody]}}":                              "nobody",
		"roles: {auth: {calls: [gateway]}}":                             "gateway",
		"roles: {channel: {enabled: false}}":                            "channel",
		"roles: {auth: {terminationGracePeriodSeconds: 30}}":            "terminationGracePeriodSeconds",
		"drainSeconds: 50":                                              "terminationGracePeriodSeconds",
		"roles: {auth: {preStopSeconds: 0}}":                            "preStopSeconds",
		"roles: {auth: {disruptionBudget: {maxUnavailable: 0}}}":        "maxUnavailable",
		"roles: {auth: {autoscaling: {enabled: true, maxReplicas: 1}}}": "maxReplicas",
		"roles: {auth: {autoscaling: {enabled: true, cpu: 0}}}":         "nothing to scale on",
		"roles: {auth: {autoscaling: {metrics: [{type: Pods}]}}}":       "metrics",
		"roles: {auth: {autoscaling: {metrics: [{type: Node, name: a, averageValue: '1'}]}}}": "type",
		"roles: {auth: {resources: {requests: {cpu: lots}}}}":                                 "cpu",
		"roles: {auth: {spread: {whenUnsatisfiable: Never}}}":                                 "whenUnsatisfiable",
		"roles: {auth: {extraEnv: [{name: PARLANCE__REDIS__URL, value: 'redis://'}]}}":        "extraEnv",
		"image: {pullPolicy: Sometimes}":                                                      "pullPolicy",
		"image: {digest: latest}":                                                             "digest",
		"image: {repository: ''}":                                                             "repository",
		"config: {grpc: {secret: 0123456789abcdef}}":                                          "secret",
		"config: {auth: {master_key: abc}}":                                                   "master_key",
		"config: {database: {url: 'postgres://u:p@h/d'}}":                                     "url",
		"config: {redis: {url: 'redis://h'}}":                                                 "url",
		"config: {services: {auth: {database: {url: 'postgres://u:p@h/d'}}}}":                 "url",
		"config: {services: {auth: {addresses: ['http://h:1']}}}":                             "addresses",
		"config: {gateway: {listen: '0.0.0.0:80'}}":                                           "listen",
		"config: {gateway: {drain_s: 5}}":                                                     "drain_s",
		"config: {ops: {listen: ''}}":                                                         "listen",
		"config: {production: false}":                                                         "production",
		"config: {data_dir: /tmp}":                                                            "data_dir",
		"config: {log: info}":                                                                 "log",
		"secrets: {masterKey: {value: abc}}":                                                  "value",
		"secrets: {masterKey: abc}":                                                           "masterKey",
		"gatewayService: {type: ExternalName}":                                                "type",
		"gatewayService: {ports: {http: 70000}}":                                              "http",
		"ingress: {enabled: true}":                                                            "hosts",
		"ingress: {hosts: [{host: a, paths: [{path: a}]}]}":                                   "path",
		"ingress: {hosts: [{host: a, paths: [{port: ops}]}]}":                                 "port",
		"migration: {mode: never}":                                                            "mode",
		"networkPolicy: {database: {ports: []}}":                                              "ports",
		"networkPolicy: {internet: {to: []}}":                                                 "internet",
		"networkPolicy: {internet: {except: [everything]}}":                                   "except",
		"roles: {auth: {internet: {ports: [0]}}}":                                             "ports",
		"roles: {auth: {internet: {ports: [https]}}}":                                         "ports",
		"roles: {auth: {internet: {ports: ['443-80']}}}":                                      "443-80",
		"roles: {auth: {internet: {ports: ['80-70000']}}}":                                    "80-70000",
		"roles: {auth: {internet: {to: []}}}":                                                 "to",
		"roles: {auth: {egress: [{ports: [443]}]}}":                                           "to",
		"roles: {auth: {egress: [{to: [], ports: [443]}]}}":                                   "to",
		"roles: {auth: {egress: [{to: [{podSelector: {}}]}]}}":                                "ports",
		"networkPolicy: {database: {to: [{ip: 10.0.0.0/8}]}}":                                 "ip",
		"networkPolicy: {gatewayFrom: [{}]}":                                                  "gatewayFrom",
		"podSecurityContext: {runAsNonRoot: false}":                                           "runAsNonRoot",
		"podSecurityContext: {runAsUser: 0}":                                                  "runAsUser",
		"serviceMonitor: {interval: often}":                                                   "interval",
		"trial: true":                                                                         "trial",
		"trial: {postgres: {storage: big}}":                                                   "storage",
	} {
		_, err := chart.Render(chart.Release{Dir: chartFolder(), Values: parse(t, values)})
		if err == nil {
			t.Errorf("%s is taken", values)
		} else if !strings.Contains(err.Error(), about) {
			t.Errorf("%s is refused without naming %q: %v", values, about, err)
		}
	}
}

func TestTheSchemaDescribesEveryValueAndClosesEveryObject(t *testing.T) {
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, chartFolder(), "values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var visit func(path string, schema map[string]any)
	visit = func(path string, schema map[string]any) {
		properties := chart.Table(schema, "properties")
		if _, reference := schema["$ref"]; !reference && path != "" && chart.Text(schema, "description") == "" {
			t.Errorf("%s has no description", path)
		}
		if properties != nil && schema["additionalProperties"] != false && !strings.HasPrefix(path, ".config") && path != ".podSecurityContext" {
			t.Errorf("%s takes anything", path)
		}
		if strings.HasPrefix(path, ".config") || path == ".podSecurityContext" {
			return
		}
		for name, property := range properties {
			visit(path+"."+name, property.(map[string]any))
		}
	}
	visit("", schema)
	for name, definition := range chart.Table(schema, "definitions") {
		visit("definition "+name, definition.(map[string]any))
	}
}

func TestEveryDefaultValueIsInTheSchemaAndTheOtherWayRound(t *testing.T) {
	defaults := parse(t, read(t, chartFolder(), "values.yaml"))
	var schema map[string]any
	if err := json.Unmarshal([]byte(read(t, chartFolder(), "values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	for name := range chart.Table(schema, "properties") {
		if _, set := defaults[name]; !set && name != "global" {
			t.Errorf("%s has no default in values.yaml", name)
		}
	}
	for name := range chart.Table(schema, "definitions", "role", "properties") {
		if _, set := chart.Table(defaults, "roleDefaults")[name]; !set {
			t.Errorf("roleDefaults.%s has no default in values.yaml", name)
		}
	}
}
