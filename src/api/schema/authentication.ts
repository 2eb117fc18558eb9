// Types of authentication.k8s.io/v1. The notation is explained in schema.ts.
export const authenticationTypes = `
kind TokenRequest | Asks for a token of a service account.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec TokenRequestSpec embedded | What is wanted.
  3 status TokenRequestStatus embedded | What is observed, written by controllers.
type TokenRequestSpec
  1 audiences []string atomic | Who the token is meant for.
  4 expirationSeconds int64? | Life of the token in seconds.
  3 boundObjectRef BoundObjectReference | The token dies with this object.
type BoundObjectReference
  1 kind string | Kind of the object meant.
  2 apiVersion string | Group and version of the object meant.
  3 name string | Name, unique among its like.
  4 uid string | Unique id of the object meant; a new object of the same name has another.
type TokenRequestStatus
  1 token string | The token itself.
  2 expirationTimestamp time | When the token ends.
kind TokenReview | Asks whose token this is.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 spec TokenReviewSpec embedded required | What is wanted.
  3 status TokenReviewStatus embedded | What is observed, written by controllers.
type TokenReviewSpec
  1 token string required | The token itself.
  2 audiences []string atomic | Who the token is meant for.
type TokenReviewStatus
  1 authenticated bool | True when the token is good.
  2 user UserInfo embedded | Name of the user.
  4 audiences []string atomic | Who the token is meant for.
  3 error string | What went wrong.
type UserInfo | Who somebody is.
  1 username string | Name of the user.
  2 uid string | Unique id of the object meant; a new object of the same name has another.
  3 groups []string atomic | Groups of the user.
  4 extra map[list] | Further facts about the user.
kind SelfSubjectReview | Asks who I am.
  1 metadata meta.ObjectMeta embedded | Name, namespace, labels and other data that every object has.
  2 status SelfSubjectReviewStatus embedded | What is observed, written by controllers.
type SelfSubjectReviewStatus
  1 userInfo UserInfo embedded | Who you are.
`;
