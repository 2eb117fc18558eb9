// Types of authorization.k8s.io/v1. The notation is explained in schema.ts.
export const authorizationTypes = `
kind SubjectAccessReview
  1 metadata meta.ObjectMeta embedded
  2 spec SubjectAccessReviewSpec embedded required
  3 status SubjectAccessReviewStatus embedded
type SubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes
  2 nonResourceAttributes NonResourceAttributes
  3 user string
  4 groups []string atomic
  5 extra map[list]
  6 uid string
type ResourceAttributes
  1 namespace string
  2 verb string
  3 group string
  4 version string
  5 resource string
  6 subresource string
  7 name string
  8 fieldSelector FieldSelectorAttributes
  9 labelSelector LabelSelectorAttributes
type FieldSelectorAttributes
  1 rawSelector string
  2 requirements []meta.FieldSelectorRequirement atomic
type LabelSelectorAttributes
  1 rawSelector string
  2 requirements []meta.LabelSelectorRequirement atomic
type NonResourceAttributes
  1 path string
  2 verb string
type ExtraValue
type SubjectAccessReviewStatus
  1 allowed bool required
  4 denied bool
  2 reason string
  3 evaluationError string
kind LocalSubjectAccessReview
  1 metadata meta.ObjectMeta embedded
  2 spec SubjectAccessReviewSpec embedded required
  3 status SubjectAccessReviewStatus embedded
kind SelfSubjectAccessReview
  1 metadata meta.ObjectMeta embedded
  2 spec SelfSubjectAccessReviewSpec embedded required
  3 status SubjectAccessReviewStatus embedded
type SelfSubjectAccessReviewSpec
  1 resourceAttributes ResourceAttributes
  2 nonResourceAttributes NonResourceAttributes
kind SelfSubjectRulesReview
  1 metadata meta.ObjectMeta embedded
  2 spec SelfSubjectRulesReviewSpec embedded required
  3 status SubjectRulesReviewStatus embedded
type SelfSubjectRulesReviewSpec
  1 namespace string
type SubjectRulesReviewStatus
  1 resourceRules []ResourceRule required atomic
  2 nonResourceRules []NonResourceRule required atomic
  3 incomplete bool required
  4 evaluationError string
type ResourceRule
  1 verbs []string required atomic
  2 apiGroups []string atomic
  3 resources []string atomic
  4 resourceNames []string atomic
type NonResourceRule
  1 verbs []string required atomic
  2 nonResourceURLs []string atomic
`;
