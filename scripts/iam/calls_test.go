package iam_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// sources are the folders and files with the calls that a policy must allow. The longest match decides. What the KCL library
// would call by itself is answered in consumer/kcl, and never sent.
var sources = map[string]string{
	"producer/": "producer.json", "consumer/": "consumer.json",
	"consumer/redrive/": "redrive.json", "consumer/redrive.go": "redrive.json",
	"consumer/audit/": "verify.json", "consumer/verify.go": "verify.json",
}

// optional are the calls that only some flags of the producer make, and "consumer check". docs/operations.md names them.
var optional = map[string][]string{
	"producer.json": {"kinesis:IncreaseStreamRetentionPeriod", "kinesis:ListTagsForStream", "kinesis:PutRecord", "kinesis:StartStreamEncryption"},
	"consumer.json": {"s3:DeleteObject"},
}

// unlimited is the call that needs no permission (API reference of STS).
const unlimited = "sts:GetCallerIdentity"

func TestPoliciesAllowExactlyTheCallsThatAreInTheCode(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for path, calls := range callsUnder(t, "producer", "consumer") {
		found[policyOf(path)] = append(found[policyOf(path)], calls...)
	}
	for _, file := range []string{"producer.json", "consumer.json", "verify.json", "redrive.json"} {
		calls := found[file]
		var allowed []string
		for _, s := range read(t, file) {
			allowed = append(allowed, s.Action...)
		}
		for _, call := range calls {
			_, name, _ := strings.Cut(call, ":")
			if slices.Contains(optional[file], call) {
				if !strings.Contains(string(docs), name) {
					t.Errorf("docs/operations.md does not say which flag needs %s", name)
				}
			} else if !slices.Contains(allowed, call) {
				t.Errorf("%s does not allow %s", file, call)
			}
		}
		for _, action := range allowed {
			if !slices.Contains(calls, action) {
				t.Errorf("%s allows %s, which nothing calls", file, action)
			}
		}
	}
}

// A shared function is called by programs with different policies. One that makes a call has the name of the call, so that the
// call is found where the function is used.
func TestSharedFunctionsAreNamedAsTheCallTheyMake(t *testing.T) {
	for path, calls := range callsUnder(t, "shared") {
		if strings.HasPrefix(path, "shared/testenv/") {
			continue
		}
		for _, call := range calls {
			if call != unlimited && (path != "shared/streams/streams.go" || call != "kinesis:ListShards") {
				t.Errorf("%s makes the call %s, which no policy has been compared with", path, call)
			}
		}
	}
}

// callsUnder returns the actions of the calls that are found in the code, by file.
func callsUnder(t *testing.T, dirs ...string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := os.DirFS("../..")
	for _, dir := range dirs {
		err := fs.WalkDir(root, dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := fs.ReadFile(root, path)
			if err == nil {
				found[path] = calls(t, path, code)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func policyOf(path string) (policy string) {
	longest := 0
	for prefix, file := range sources {
		if strings.HasPrefix(path, prefix) && len(prefix) > longest {
			policy, longest = file, len(prefix)
		}
	}
	return policy
}

// A call is found in each form in which it can be made. The regular expression that was here before saw the first form only.
func TestCallsAreFoundInEveryForm(t *testing.T) {
	const head = "package x\nimport (\n\"github.com/aws/aws-sdk-go-v2/service/kinesis\"\nddb \"github.com/aws/aws-sdk-go-v2/service/dynamodb\"\n" +
		"\"github.com/aws/aws-sdk-go-v2/service/s3\"\n)\nfunc f() {\n"
	for line, want := range map[string]string{
		`do(&s3.PutObjectInput{})`:                           "s3:PutObject",
		`do(&ddb.GetItemInput{})`:                            "dynamodb:GetItem",
		`do(new(kinesis.SplitShardInput))`:                   "kinesis:SplitShard",
		`var in s3.DeleteObjectInput; do(&in)`:               "s3:DeleteObject",
		`do([]s3.HeadObjectInput{{}})`:                       "s3:GetObject",
		`do(s3.NewListObjectsV2Paginator(c, in))`:            "s3:ListBucket",
		`do(ddb.NewQueryPaginator(c, in))`:                   "dynamodb:Query",
		`do(kinesis.NewStreamExistsWaiter(c))`:               "kinesis:DescribeStream",
		`do(ddb.NewTableExistsWaiter(c))`:                    "dynamodb:DescribeTable",
		`do(s3.NewBucketExistsWaiter(c))`:                    "s3:ListBucket",
		`a.client.MergeShards(ctx, in)`:                      "kinesis:MergeShards",
		`call(a.client.DeleteTable)`:                         "dynamodb:DeleteTable",
		`switch in.(type) { case *kinesis.PutRecordInput: }`: "",
	} {
		if got := strings.Join(calls(t, "x.go", []byte(head+line+"\n}")), " "); got != want {
			t.Errorf("%s: found %q, want %q", line, got, want)
		}
	}
}

// clients have the operations of each service as methods.
var clients = map[string]reflect.Type{
	"kinesis": reflect.TypeFor[*kinesis.Client](), "dynamodb": reflect.TypeFor[*dynamodb.Client](), "s3": reflect.TypeFor[*s3.Client](),
	"sts": reflect.TypeFor[*sts.Client](),
}

// waiters are the calls that waiters make.
var waiters = map[string]string{
	"StreamExists": "DescribeStream", "StreamNotExists": "DescribeStream", "TableExists": "DescribeTable", "TableNotExists": "DescribeTable",
	"ObjectExists": "HeadObject", "ObjectNotExists": "HeadObject", "BucketExists": "HeadBucket", "BucketNotExists": "HeadBucket",
}

const sdk = "github.com/aws/aws-sdk-go-v2/"

// calls returns the actions that the code of a file needs: of inputs that it makes, of paginators and waiters, and of methods
// that are named as an operation of a service that the file imports.
func calls(t *testing.T, path string, code []byte) (actions []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	services := imported(t, path, file)
	add := func(service, call string) {
		if a := action(service, call); !slices.Contains(actions, a) {
			actions = append(actions, a)
		}
	}
	made := func(kind ast.Expr) { // pkg.XInput, []pkg.XInput
		if array, ok := kind.(*ast.ArrayType); ok {
			kind = array.Elt
		}
		if service, name := selected(services, kind); service != "" {
			if call, ok := strings.CutSuffix(name, "Input"); ok {
				add(service, call)
			}
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.CompositeLit:
			made(node.Type)
		case *ast.ValueSpec:
			made(node.Type)
		case *ast.CallExpr:
			if name, ok := node.Fun.(*ast.Ident); ok && name.Name == "new" {
				made(node.Args[0])
			}
		case *ast.SelectorExpr:
			service, name := selected(services, node)
			paginator, isPaginator := strings.CutSuffix(name, "Paginator")
			waiter, isWaiter := strings.CutSuffix(name, "Waiter")
			switch isNew := strings.HasPrefix(name, "New"); {
			case service != "" && isNew && isPaginator:
				add(service, strings.TrimPrefix(paginator, "New"))
			case service != "" && isNew && isWaiter:
				call, ok := waiters[strings.TrimPrefix(waiter, "New")]
				if !ok {
					t.Errorf("%s: what %s.%s calls is not known here", path, service, name)
				}
				add(service, call)
			case service == "":
				for _, service := range services {
					if method, ok := clients[service].MethodByName(node.Sel.Name); ok && method.Type.IsVariadic() {
						add(service, node.Sel.Name)
					}
				}
			}
		}
		return true
	})
	return actions
}

// imported returns the services of a file, by the name that it gives to them. A package of the SDK that is not known here, such
// as one that loads objects in parts, could hide calls.
func imported(t *testing.T, path string, file *ast.File) map[string]string {
	t.Helper()
	services := map[string]string{}
	for _, spec := range file.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		service, isService := strings.CutPrefix(name, sdk+"service/")
		switch _, known := clients[service]; {
		case isService && known && spec.Name != nil:
			services[spec.Name.Name] = service
		case isService && known:
			services[service] = service
		case isService && !strings.HasSuffix(name, "/types") && !strings.HasSuffix(name, "/schemas"), strings.HasPrefix(name, sdk+"feature/"):
			t.Errorf("%s: the calls of %s are not looked for here", path, name)
		}
	}
	return services
}

// selected returns service and name of an expression pkg.Name.
func selected(services map[string]string, e ast.Expr) (service, name string) {
	if selector, ok := e.(*ast.SelectorExpr); ok {
		if pkg, ok := selector.X.(*ast.Ident); ok {
			return services[pkg.Name], selector.Sel.Name
		}
	}
	return "", ""
}

// action is the permission for a call. Some calls of S3 have another name.
func action(service, call string) string {
	switch call {
	case "HeadObject":
		call = "GetObject"
	case "ListObjects", "ListObjectsV2", "HeadBucket":
		call = "ListBucket"
	}
	return service + ":" + call
}
