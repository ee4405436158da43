package startup

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go"
)

// What a code of AWS's errors asks of a person.
var (
	denied = codes("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation")

	credentials = codes("UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch", "InvalidAccessKeyId",
		"InvalidClientTokenId", "IncompleteSignature", "IncompleteSignatureException", "MissingAuthenticationToken",
		"MissingAuthenticationTokenException", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "RequestExpired", "RequestTimeTooSkewed",
		"AuthFailure", "OptInRequired")

	key = codes("KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException", "KMSNotFoundException", "KMSOptInRequired",
		"KMS.DisabledException", "KMS.InvalidStateException", "KMS.NotFoundException")
)

func codes(names ...string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		set[name] = true
	}
	return set
}

// Explain adds to an error of AWS what a person must do: allow the permission, such as "dynamodb:Scan on the table t",
// renew the credentials, or give access to the KMS key. Every other error is returned as it is, and so is nil.
func Explain(err error, permission string) error {
	var answer smithy.APIError
	if !errors.As(err, &answer) {
		if withoutCredentials(err) {
			return fmt.Errorf("%w; there are no AWS credentials: set AWS_PROFILE, or run where a role is attached", err)
		}
		return err
	}
	switch code := answer.ErrorCode(); {
	case denied[code]:
		return fmt.Errorf("%w; allow %s (scripts/iam has the policies)", err, permission)
	case credentials[code]:
		return fmt.Errorf("%w; the AWS credentials are wrong or expired, or the clock of this machine is: renew them", err)
	case key[code]:
		return fmt.Errorf("%w; allow the use of the KMS key (kms:Decrypt, kms:GenerateDataKey), and make sure that it is enabled", err)
	}
	return err
}
