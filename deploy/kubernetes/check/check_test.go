package check_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// manifests are the documents of ../*.yaml, each strictly of its kind: a field that is unknown or there twice is a fault.
type manifests struct {
	services map[string]*core.Service
	sets     []*apps.StatefulSet
	budgets  []*policy.PodDisruptionBudget
	policies []*networking.NetworkPolicy
}

func load(t *testing.T) manifests {
	t.Helper()
	m := manifests{services: make(map[string]*core.Service)}
	files, err := filepath.Glob("../*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no manifests: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			m.take(t, document)
		}
	}
	return m
}

func (m *manifests) take(t *testing.T, document []byte) {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(document, &kind); err != nil {
		t.Fatal(err)
	}
	strictly := func(into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict(document, into); err != nil {
			t.Errorf("%s: %v", kind.Kind, err)
		}
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "v1 Service":
		s := new(core.Service)
		strictly(s)
		m.services[s.Name] = s
	case "apps/v1 StatefulSet":
		s := new(apps.StatefulSet)
		strictly(s)
		m.sets = append(m.sets, s)
	case "policy/v1 PodDisruptionBudget":
		b := new(policy.PodDisruptionBudget)
		strictly(b)
		m.budgets = append(m.budgets, b)
	case "networking.k8s.io/v1 NetworkPolicy":
		p := new(networking.NetworkPolicy)
		strictly(p)
		m.policies = append(m.policies, p)
	default:
		t.Errorf("a %s of %s is not known here", kind.Kind, kind.APIVersion)
	}
}

// matches tells whether a selector selects labels, and selects at all.
func matches(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return len(selector) > 0
}

func TestManifestsFitEachOther(t *testing.T) {
	m := load(t)
	if len(m.sets) != 1 || len(m.budgets) != 1 || len(m.policies) != 1 || len(m.services) != 2 {
		t.Fatalf("there are %d sets, %d budgets, %d policies, %d services", len(m.sets), len(m.budgets), len(m.policies), len(m.services))
	}
	set := m.sets[0]
	labels := set.Spec.Template.Labels
	if !matches(set.Spec.Selector.MatchLabels, labels) {
		t.Error("the set does not select its pods")
	}
	if !matches(m.budgets[0].Spec.Selector.MatchLabels, labels) || !matches(m.policies[0].Spec.PodSelector.MatchLabels, labels) {
		t.Error("the budget, or the policy, does not select the pods")
	}
	if headless := m.services[set.Spec.ServiceName]; headless == nil || headless.Spec.ClusterIP != "None" || !headless.Spec.PublishNotReadyAddresses {
		t.Errorf("the set's service is %+v: want one that is headless and knows pods before they are ready", headless)
	}
	ports := ports(set)
	for name, service := range m.services {
		if !matches(service.Spec.Selector, labels) {
			t.Errorf("the service %s selects no pod", name)
		}
		for _, port := range service.Spec.Ports {
			if target := port.TargetPort.String(); target != "0" && !slices.Contains(ports, target) || target == "0" && !slices.Contains(ports, port.Name) {
				t.Errorf("the service %s leads to the port %s, which no container has", name, target)
			}
		}
	}
}

// ports are the names of those of the set's containers.
func ports(set *apps.StatefulSet) []string {
	var names []string
	for _, c := range set.Spec.Template.Spec.Containers {
		for _, p := range c.Ports {
			names = append(names, p.Name)
		}
	}
	return names
}

func TestPodsAreWhole(t *testing.T) {
	set := load(t).sets[0]
	pod := set.Spec.Template.Spec
	if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Error("a service's variables, ANODE_PORT and the like, come into the pods, where ANODE_ is a setting")
	}
	var claims []string
	for _, c := range set.Spec.VolumeClaimTemplates {
		claims = append(claims, c.Name)
	}
	for _, c := range pod.Containers {
		for _, mount := range c.VolumeMounts {
			if !slices.Contains(claims, mount.Name) {
				t.Errorf("%s mounts %s, which is claimed nowhere", c.Name, mount.Name)
			}
		}
		for what, probe := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || !slices.Contains(ports(set), probe.HTTPGet.Port.String()) {
				t.Errorf("the %s probe of %s leads nowhere", what, c.Name)
			}
		}
		var known []string
		for _, env := range c.Env {
			for _, part := range strings.Split(env.Value, "$(")[1:] {
				if name, _, ok := strings.Cut(part, ")"); !ok || !slices.Contains(known, name) {
					t.Errorf("%s uses $(%s), which is not set before", env.Name, name)
				}
			}
			known = append(known, env.Name)
		}
	}
}

// TestTheServicesNamesAreAllowed: a node refuses requests under a name that it was not told of, so that a client that asks the service by its
// name would get 403.
func TestTheServicesNamesAreAllowed(t *testing.T) {
	m := load(t)
	set := m.sets[0]
	allowed := make(map[string]bool)
	for _, env := range set.Spec.Template.Spec.Containers[0].Env {
		if env.Name != "ANODE_ALLOW_ORIGIN" && env.Name != "ANODE_ADVERTISE_HTTP" {
			continue
		}
		value := strings.NewReplacer("$(POD_NAMESPACE)", "spaced", "$(ANODE_NAME)", set.Name+"-0").Replace(env.Value)
		for _, origin := range strings.Split(value, ",") {
			u, err := url.Parse(origin)
			if err != nil || u.Scheme != "http" || u.Hostname() == "" {
				t.Errorf("%s: %q is no origin: %v", env.Name, origin, err)
				continue
			}
			allowed[u.Hostname()] = true
		}
	}
	for name, service := range m.services {
		host := name
		if service.Spec.ClusterIP == "None" {
			host = set.Name + "-0." + name
		}
		names := []string{host, host + ".spaced.svc.cluster.local"}
		for _, want := range names {
			if !allowed[want] {
				t.Errorf("who asks http://%s:8080/ is refused: %v are allowed", want, allowed)
			}
		}
	}
}
