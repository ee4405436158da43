package kubernetes_test

import (
	"fmt"
	"net"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"example.com/callevents/scripts/deploy/programs"
)

const (
	user = 65534 // of the image
	// leastMemory is what the consumer is bounded by with 4 shards: ARCHITECTURE.md, What memory holds. The batch of 8 MiB
	// is a seventh of that when it is compressed.
	leastMemory = 20<<20 + 2*4*(8<<20/7+1<<20+1<<20)
)

// tried remembers what the programs said.
var tried = map[string][]string{}

// container says what is wrong with the container of a deployment.
func (m *manifests) container(d appsv1.Deployment) (wrong []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 {
		return []string{"want one container"}
	}
	c := pod.Containers[0]
	env := m.environment(c)
	key := fmt.Sprint(c.Command, c.Args, env)
	if _, is := tried[key]; !is {
		tried[key] = programs.Problems(built, append(slices.Clone(c.Command), c.Args...), env)
	}
	wrong = append(wrong, tried[key]...)

	host, port, _ := net.SplitHostPort(env["CALLEVENTS_HTTP"])
	if host != "0.0.0.0" {
		fault("CALLEVENTS_HTTP %q: the kubelet does not reach it", env["CALLEVENTS_HTTP"])
	}
	for _, p := range c.Ports {
		if strconv.Itoa(int(p.ContainerPort)) != port {
			fault("port %d, and the program serves at %s", p.ContainerPort, port)
		}
	}
	for path, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/readyz": c.ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path {
			fault("no probe asks for %s", path)
		} else if !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == probe.HTTPGet.Port.StrVal }) {
			fault("%s: no port %s", path, probe.HTTPGet.Port.StrVal)
		}
	}
	if limit := c.Resources.Limits.Memory().Value(); limit < leastMemory {
		fault("%d bytes of memory, of which 4 shards can take %d", limit, leastMemory)
	}
	for _, name := range []string{"CALLEVENTS_SPILL", "CALLEVENTS_LEDGER", "CALLEVENTS_SUMMARY"} {
		file := env[name]
		if file != "" && !slices.ContainsFunc(c.VolumeMounts, func(v corev1.VolumeMount) bool { return v.MountPath == path.Dir(file) }) {
			fault("%s is on no volume", file)
		}
	}
	if env["CALLEVENTS_SPILL"] != "" && (*d.Spec.Replicas != 1 || d.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType) {
		fault("two pods could write one spill file")
	}
	return append(wrong, restricted(pod, c)...)
}

// environment is what the config maps of a container give it.
func (m *manifests) environment(c corev1.Container) map[string]string {
	env := map[string]string{}
	for _, from := range c.EnvFrom {
		for _, config := range m.configs {
			if config.Name == from.ConfigMapRef.Name {
				for name, value := range config.Data {
					env[name] = value
				}
			}
		}
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	return env
}

// restricted says what the Pod Security Standard of that name would refuse, and the read-only root beside it.
func restricted(pod corev1.PodSpec, c corev1.Container) []string {
	is, of := c.SecurityContext, pod.SecurityContext
	if of == nil || of.RunAsUser == nil || *of.RunAsUser != user || of.RunAsNonRoot == nil || !*of.RunAsNonRoot {
		return []string{fmt.Sprintf("it does not run as user %d", user)}
	}
	no := func(b *bool) bool { return b != nil && !*b }
	if is == nil || !no(is.AllowPrivilegeEscalation) || is.ReadOnlyRootFilesystem == nil || !*is.ReadOnlyRootFilesystem ||
		is.Capabilities == nil || !slices.Contains(is.Capabilities.Drop, "ALL") || of.SeccompProfile == nil ||
		of.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault || !no(pod.AutomountServiceAccountToken) {
		return []string{"it is not restricted to what it needs"}
	}
	return nil
}

// pod says what is wrong around the container: names, times, selectors.
func (m *manifests) pod(d appsv1.Deployment) (wrong []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	pod := d.Spec.Template.Spec
	if !slices.Contains(names(m.accounts), pod.ServiceAccountName) {
		fault("no account %s", pod.ServiceAccountName)
	}
	for _, v := range pod.Volumes {
		if claim := v.PersistentVolumeClaim; claim != nil && !slices.Contains(names(m.claims), claim.ClaimName) {
			fault("no claim %s", claim.ClaimName)
		}
	}
	program := built[d.Name]
	needs, err := program.Grace(m.environment(pod.Containers[0]))
	if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; err != nil || grace < needs {
		fault("it has %v to stop, and needs %v (%v)", grace, needs, err)
	}
	start, err := program.Default("start-timeout")
	if deadline := time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second; err != nil || deadline <= start {
		fault("a rollout fails after %v, before --start-timeout, %v (%v), is over", deadline, start, err)
	}
	own := func(s *metav1.LabelSelector) bool { return s != nil && selects(s, d) }
	if !own(d.Spec.Selector) || slices.ContainsFunc(pod.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool { return !own(c.LabelSelector) }) {
		fault("its selectors do not select its own pods")
	}
	for _, other := range m.deployments {
		if other.Name != d.Name && selects(d.Spec.Selector, other) {
			fault("it selects the pods of %s", other.Name)
		}
	}
	return wrong
}

func selects(selector *metav1.LabelSelector, d appsv1.Deployment) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(d.Spec.Template.Labels))
}

// selections says what is wrong with the objects that select pods.
func (m *manifests) selections() (wrong []string) {
	count := func(selector metav1.LabelSelector) (n int) {
		for _, d := range m.deployments {
			if selects(&selector, d) {
				n++
			}
		}
		return n
	}
	for _, b := range m.budgets {
		if n := count(*b.Spec.Selector); n != 1 {
			wrong = append(wrong, fmt.Sprintf("budget %s is for %d pods", b.Name, n))
		}
	}
	for _, n := range m.networks {
		if of := count(n.Spec.PodSelector); of != len(m.deployments) {
			wrong = append(wrong, fmt.Sprintf("network policy %s is for %d of %d", n.Name, of, len(m.deployments)))
		}
		if port := n.Spec.Ingress[0].Ports[0].Port.StrVal; port != "http" {
			wrong = append(wrong, fmt.Sprintf("network policy %s opens port %s, which no pod has", n.Name, port))
		}
	}
	for _, p := range m.monitors {
		if of := count(p.Spec.Selector); of != len(m.deployments) || *p.Spec.PodMetricsEndpoints[0].Port != "http" {
			wrong = append(wrong, fmt.Sprintf("monitor %s is for %d of %d", p.Name, of, len(m.deployments)))
		}
	}
	return wrong
}

var metric = regexp.MustCompile(`callevents_\w+`)

// complete says what the example lacks that a cluster needs.
func (m *manifests) complete() (wrong []string) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(m.scalers) != 1 || len(m.monitors) != 1 || len(m.namespaces) != 1 {
		fault("want a scaler, a monitor and a namespace")
	}
	for _, d := range m.deployments {
		if len(m.namespaces) == 1 && d.Namespace != m.namespaces[0].Name {
			fault("%s is in the namespace %q", d.Name, d.Namespace)
		}
		if _, tag, _ := strings.Cut(path.Base(d.Spec.Template.Spec.Containers[0].Image), ":"); tag == "" {
			fault("%s: its image has no tag", d.Name)
		}
	}
	registered, err := os.ReadFile("../../../consumer/kcl/metrics.go")
	if err != nil {
		fault("%v", err)
	}
	for _, s := range m.scalers {
		i := slices.IndexFunc(m.deployments, func(d appsv1.Deployment) bool { return d.Name == s.Spec.ScaleTargetRef.Name })
		if i < 0 {
			fault("no deployment %s", s.Spec.ScaleTargetRef.Name)
		} else if m.deployments[i].Spec.Replicas != nil {
			fault("replicas of %s: each apply would undo what KEDA did", s.Spec.ScaleTargetRef.Name)
		}
		for _, name := range metric.FindAllString(s.Spec.Triggers[0].Metadata.Query, -1) {
			if !strings.Contains(string(registered), `"`+name+`"`) && name != "callevents" {
				fault("no consumer has the metric %s", name)
			}
		}
	}
	return wrong
}
