//! Signatures as Standard Webhooks define them (<https://www.standardwebhooks.com>): `v1`, HMAC-SHA256.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, random};
use crate::model::Secret;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// A secret to sign with: `whsec_` and 32 random bytes in base64. The key is the bytes, not their text.
///
/// # Errors
/// The system's random source failed.
pub fn standard_secret() -> Result<Secret, KeyError> {
    let bytes = random::<32>()?;
    Ok(Secret::new(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

/// The signature of a message under a secret, `v1,` and base64: over its id, the time in seconds since 1970 and the body,
/// with dots between them. None where the secret is not of the form.
#[must_use]
pub fn standard_signature(secret: &Secret, id: &str, seconds: i64, body: &str) -> Option<String> {
    let text = secret.expose().strip_prefix(PREFIX)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(text).ok()?);
    let signed = format!("{id}.{seconds}.{body}");
    let tag = hmac::sign(&key, signed.as_bytes());
    Some(format!("v1,{}", STANDARD.encode(tag.as_ref())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf '%s' 'msg_1.1700000000.{"type":"channel.test"}' | openssl dgst -sha256 -mac HMAC -macopt
    /// hexkey:000102…1f -binary | base64`.
    const EXPECTED: &str = "v1,zdddVa5RmZMrQ6U7rsMkNgqq4jO8crb86KsiYduV9lY=";

    #[test]
    fn a_signature_is_the_one_that_openssl_makes() {
        let bytes: Vec<u8> = (0..32).collect();
        let secret = Secret::new(format!("whsec_{}", STANDARD.encode(bytes)));
        let sign = |id, seconds, body| standard_signature(&secret, id, seconds, body).unwrap();
        let body = r#"{"type":"channel.test"}"#;
        assert_eq!(sign("msg_1", 1_700_000_000, body), EXPECTED);
        for other in [
            sign("msg_2", 1_700_000_000, body),
            sign("msg_1", 1_700_000_001, body),
            sign("msg_1", 1_700_000_000, "{}"),
        ] {
            assert_ne!(other, EXPECTED);
        }
    }

    #[test]
    fn a_new_secret_has_the_form_and_is_another_each_time() {
        let secret = standard_secret().unwrap();
        let text = secret.expose().strip_prefix(PREFIX).unwrap().to_owned();
        assert_eq!(STANDARD.decode(text).unwrap().len(), 32);
        assert!(standard_signature(&secret, "msg_1", 1, "{}").is_some());
        assert_ne!(secret, standard_secret().unwrap());
        for broken in ["", "whsec_", "cswh_AAAA", "whsec_no base64"] {
            let signature = standard_signature(&Secret::new(broken), "msg_1", 1, "{}");
            assert_eq!(signature.is_some(), broken == PREFIX, "{broken}");
        }
    }
}
