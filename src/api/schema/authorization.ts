// Types of authorization.k8s.io/v1. The notation is explained in schema.ts.
export const authorizationTypes = `
kind SubjectAccessReview | Asks whether somebody may do something.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec SubjectAccessReviewSpec embedded required | What is wanted.
  3 status SubjectAccessReviewStatus embedded | What is observed, written by controllers.
type SubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes | The access, to a resource.
  2 nonResourceAttributes NonResourceAttributes | The access, to a path.
  3 user string | Name of the user.
  4 groups []string atomic | Groups of the user.
  5 extra map[list] | Further facts about the user.
  6 uid string | Unique id of the object meant; a new object of the same name has another.
type ResourceAttributes | An access to a resource.
  1 namespace string | Namespace of the object meant.
  2 verb string | What is to be done: get, list, create, …
  3 group string | API group.
  4 version string | API version.
  5 resource string | Plural name of the resource.
  6 subresource string | The part below the object, such as status.
  7 name string | Name, unique among its like.
  8 fieldSelector FieldSelectorAttributes
  9 labelSelector LabelSelectorAttributes | Selects by labels.
type FieldSelectorAttributes
  1 rawSelector string | The selector as text.
  2 requirements []meta.FieldSelectorRequirement atomic | The parsed rules of the selector.
type LabelSelectorAttributes
  1 rawSelector string | The selector as text.
  2 requirements []meta.LabelSelectorRequirement atomic | The parsed rules of the selector.
type NonResourceAttributes | An access to a path.
  1 path string | Path of the file or directory.
  2 verb string | What is to be done: get, list, create, …
type SubjectAccessReviewStatus | The answer.
  1 allowed bool required | True when it is allowed.
  4 denied bool | True when it is forbidden whatever other rules say.
  2 reason string | Why, as one CamelCase word for programs.
  3 evaluationError string | What went wrong while it was looked up.
kind LocalSubjectAccessReview | Asks whether somebody may do something in this namespace.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec SubjectAccessReviewSpec embedded required | What is wanted.
  3 status SubjectAccessReviewStatus embedded | What is observed, written by controllers.
kind SelfSubjectAccessReview | Asks whether I may do something.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec SelfSubjectAccessReviewSpec embedded required | What is wanted.
  3 status SubjectAccessReviewStatus embedded | What is observed, written by controllers.
type SelfSubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes | The access, to a resource.
  2 nonResourceAttributes NonResourceAttributes | The access, to a path.
kind SelfSubjectRulesReview | Asks what I may do in a namespace.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec SelfSubjectRulesReviewSpec embedded required | What is wanted.
  3 status SubjectRulesReviewStatus embedded | What is observed, written by controllers.
type SelfSubjectRulesReviewSpec
  1 namespace string | Namespace of the object meant.
type SubjectRulesReviewStatus
  1 resourceRules []ResourceRule required atomic | What is allowed on resources.
  2 nonResourceRules []NonResourceRule required atomic | What is allowed on paths.
  3 incomplete bool required | True when there may be more.
  4 evaluationError string | What went wrong while it was looked up.
type ResourceRule
  1 verbs []string required atomic | What may be done: get, list, watch, create, update, patch, delete, or * for all.
  2 apiGroups []string atomic | API groups; empty text is core, * is all.
  3 resources []string atomic | CPU, memory and other amounts.
  4 resourceNames []string atomic | Only objects of these names; absent means all.
type NonResourceRule
  1 verbs []string required atomic | What may be done: get, list, watch, create, update, patch, delete, or * for all.
  2 nonResourceURLs []string atomic | Paths that are no resources, such as /healthz.
`;
