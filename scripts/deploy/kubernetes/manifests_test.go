package kubernetes_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// scaledObject is KEDA's ScaledObject, as far as it is used here (KEDA's documentation, ScaledObject specification). Its
// Go module would bring a hundred others.
type scaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef  corev1.LocalObjectReference `json:"scaleTargetRef"`
		PollingInterval int32                       `json:"pollingInterval"`
		MinReplicaCount int32                       `json:"minReplicaCount"`
		MaxReplicaCount int32                       `json:"maxReplicaCount"`
		Advanced        struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior"`
			} `json:"horizontalPodAutoscalerConfig"`
		} `json:"advanced"`
		Triggers []struct {
			Type       string                         `json:"type"`
			MetricType autoscalingv2.MetricTargetType `json:"metricType"`
			Metadata   struct {
				ServerAddress string `json:"serverAddress"`
				Query         string `json:"query"`
				Threshold     string `json:"threshold"`
			} `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

// manifests are the objects of a folder, by type.
type manifests struct {
	accounts    []corev1.ServiceAccount
	configs     []corev1.ConfigMap
	claims      []corev1.PersistentVolumeClaim
	namespaces  []corev1.Namespace
	deployments []appsv1.Deployment
	budgets     []policyv1.PodDisruptionBudget
	networks    []networkingv1.NetworkPolicy
	monitors    []monitoringv1.PodMonitor
	scalers     []scaledObject
}

// kinds says where an object belongs.
func (m *manifests) kinds() map[string]any {
	return map[string]any{
		"v1/ServiceAccount": &m.accounts, "v1/ConfigMap": &m.configs, "v1/PersistentVolumeClaim": &m.claims, "v1/Namespace": &m.namespaces,
		"apps/v1/Deployment": &m.deployments, "policy/v1/PodDisruptionBudget": &m.budgets,
		"networking.k8s.io/v1/NetworkPolicy": &m.networks, "monitoring.coreos.com/v1/PodMonitor": &m.monitors,
		"keda.sh/v1alpha1/ScaledObject": &m.scalers,
	}
}

// build is kustomize build of a folder, decoded into the types of Kubernetes. A field that a type does not have is an
// error, and so is a kind that is not above. As in the API server, a name
// in small letters is another name.
func build(files filesys.FileSystem, folder string) (*manifests, error) {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, folder)
	if err != nil {
		return nil, err
	}
	m := &manifests{}
	for _, object := range built.Resources() {
		text, err := object.MarshalJSON()
		if err != nil {
			return nil, err
		}
		kind := filepath.Join(object.GetApiVersion(), object.GetKind())
		list, is := m.kinds()[kind]
		if !is {
			return nil, fmt.Errorf("no kind %s is known here", kind)
		}
		all := reflect.ValueOf(list).Elem()
		one := reflect.New(all.Type().Elem())
		strict, err := json.UnmarshalStrict(text, one.Interface())
		if err := errors.Join(append(strict, err)...); err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		all.Set(reflect.Append(all, one.Elem()))
	}
	return m, nil
}

// names are those of the objects of one type.
func names[T any](objects []T) (all []string) {
	for _, object := range objects {
		all = append(all, reflect.ValueOf(object).FieldByName("Name").String())
	}
	return all
}
