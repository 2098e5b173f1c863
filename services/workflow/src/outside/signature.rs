//! Signatures by the Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const PREFIX: &str = "whsec_";

/// A secret that is none: it must be `whsec_` and base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint's secret is not `whsec_` and base64")]
pub(crate) struct NoSecret;

/// The header `webhook-signature` of a message. `sent_at`: seconds since 1970-01-01T00:00:00Z.
pub(crate) fn sign(secret: &str, id: &str, sent_at: i64, body: &str) -> Result<String, NoSecret> {
    let key = secret.strip_prefix(PREFIX).ok_or(NoSecret)?;
    let key = BASE64_STANDARD.decode(key).map_err(|_| NoSecret)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| NoSecret)?;
    mac.update(format!("{id}.{sent_at}.{body}").as_bytes());
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_in_the_specifications_own_test() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature, Ok("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=".into()));
    }

    #[test]
    fn what_is_no_secret_signs_nothing() {
        for secret in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%"] {
            assert_eq!(sign(secret, "id", 0, "{}"), Err(NoSecret), "{secret}");
        }
    }
}
