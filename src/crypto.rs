//! Random secrets and their hashes, API keys and the key pair that signs tokens.

mod standard_webhooks;

use std::path::Path;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

pub use standard_webhooks::{standard_secret, standard_signature};

use crate::model::{Role, Secret};

/// Letters and digits, the alphabet of API keys.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters of an API key, 5.95 bits each.
const KEY_LENGTH: usize = 40;
/// How many of them name the key in lists.
const PREFIX_LENGTH: usize = 8;

/// A key cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The random source failed.
    #[error("the system's random source failed")]
    Random,
    /// The signing key is not an Ed25519 key in PKCS #8 PEM.
    #[error("the token signing key is not an Ed25519 private key in PKCS #8 PEM form")]
    Form,
    /// The key's file cannot be read or written.
    #[error("the key file {path} cannot be used: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// SHA-256, for secrets of high entropy.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Random bytes.
///
/// # Errors
/// The system's random source failed.
pub fn random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError::Random)?;
    Ok(bytes)
}

/// A random text of letters and digits.
fn random_base62(length: usize) -> Result<String, KeyError> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Bytes from 248 up would make the first letters likelier than the last.
        for byte in random::<64>()?.into_iter().filter(|byte| *byte < 248) {
            if text.len() < length {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    Ok(text)
}

/// An API key: `cs_`, the role, `_`, 40 random characters and 6 that check them, so that a scanner of leaked secrets can
/// tell a key from a look-alike.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The key, shown once.
    pub text: Secret,
    /// Its beginning, which names it in lists.
    pub prefix: String,
}

impl ApiKey {
    /// A new key.
    ///
    /// # Errors
    /// The system's random source failed.
    pub fn generate(role: Role) -> Result<Self, KeyError> {
        let kind = match role {
            Role::Operator => "op",
            Role::Advertiser => "adv",
            Role::Affiliate => "aff",
        };
        let body = format!("cs_{kind}_{}", random_base62(KEY_LENGTH)?);
        let prefix = body[..body.len() - KEY_LENGTH + PREFIX_LENGTH].to_owned();
        let text = format!("{body}{}", checksum(&body));
        Ok(Self {
            text: Secret::new(text),
            prefix,
        })
    }

    /// Whether a text has the form of a key, its check included.
    #[must_use]
    pub fn is_well_formed(text: &str) -> bool {
        text.is_ascii()
            && text.starts_with("cs_")
            && text.len() > 6
            && text[text.len() - 6..] == checksum(&text[..text.len() - 6])
    }
}

/// The first bits of the SHA-256 of a key's body, as 6 letters and digits.
fn checksum(body: &str) -> String {
    let mut number = u64::from_be_bytes(sha256(body.as_bytes())[..8].try_into().unwrap_or([0; 8]));
    let mut text = String::with_capacity(6);
    for _ in 0..6 {
        text.push(char::from(
            BASE62[usize::try_from(number % 62).unwrap_or(0)],
        ));
        number /= 62;
    }
    text
}

/// A refresh token: 256 random bits.
///
/// # Errors
/// The system's random source failed.
pub fn refresh_token() -> Result<Secret, KeyError> {
    Ok(Secret::new(format!(
        "csr_{}",
        URL_SAFE_NO_PAD.encode(random::<32>()?)
    )))
}

/// The Ed25519 key pair that signs access tokens.
pub struct SigningKey {
    pem: Secret,
    public: Vec<u8>,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.key_id())
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a private key in PKCS #8 PEM.
    ///
    /// # Errors
    /// It is not one of Ed25519.
    pub fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        let body: String = pem
            .expose()
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect();
        let der = STANDARD.decode(body).map_err(|_| KeyError::Form)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyError::Form)?;
        Ok(Self {
            pem: pem.clone(),
            public: pair.public_key().as_ref().to_vec(),
        })
    }

    /// A new key, in PKCS #8 PEM.
    ///
    /// # Errors
    /// The system's random source failed.
    pub fn generate_pem() -> Result<Secret, KeyError> {
        let der =
            Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).map_err(|_| KeyError::Random)?;
        let body = STANDARD.encode(der.as_ref());
        Ok(Secret::new(format!(
            "-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
        )))
    }

    /// The key in a file, which is made with a new key where it is not there yet. Of two processes that make it at once,
    /// one wins and both read its key.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a key.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        Self::from_pem(&load_or_create_private(path, &Self::generate_pem()?)?)
    }

    /// The private key, in PKCS #8 PEM.
    #[must_use]
    pub const fn pem(&self) -> &Secret {
        &self.pem
    }

    /// The public key, base64url.
    #[must_use]
    pub fn public_x(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.public)
    }

    /// The key's id: the RFC 7638 thumbprint of its public half.
    #[must_use]
    pub fn key_id(&self) -> String {
        let canonical = format!(
            r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
            self.public_x()
        );
        URL_SAFE_NO_PAD.encode(sha256(canonical.as_bytes()))
    }
}

/// The text of a file that only its owner may read; where there is none yet it is made with the draft. Of two processes that
/// make it at once, one wins and both read its text.
///
/// # Errors
/// The file cannot be read or written.
pub fn load_or_create_private(path: &Path, draft: &Secret) -> Result<Secret, KeyError> {
    let failed = |source| KeyError::File {
        path: path.display().to_string(),
        source,
    };
    if !path.exists() {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let new = path.with_extension(format!("{}.new", std::process::id()));
        write_private(&new, draft.expose()).map_err(failed)?;
        // A hard link, unlike a rename, does not replace a file that is there.
        let linked = std::fs::hard_link(&new, path);
        std::fs::remove_file(&new).map_err(failed)?;
        match linked {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
    }
    Ok(Secret::new(std::fs::read_to_string(path).map_err(failed)?))
}

/// A secret that an advertiser signs its webhooks with: `cswh_` and 238 random bits. Its bytes as they are shown are the key.
///
/// # Errors
/// The system's random source failed.
pub fn webhook_secret() -> Result<Secret, KeyError> {
    Ok(Secret::new(format!("cswh_{}", random_base62(KEY_LENGTH)?)))
}

/// Whether a hexadecimal text is the HMAC-SHA256 of a message under a secret. Takes as long whatever differs.
#[must_use]
pub fn is_hmac(secret: &Secret, message: &[u8], hexadecimal: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    hex::decode(hexadecimal).is_ok_and(|tag| hmac::verify(&key, message, &tag).is_ok())
}

/// The HMAC-SHA256 of a message under a secret, in hexadecimal.
#[must_use]
pub fn hmac_hex(secret: &Secret, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    hex::encode(hmac::sign(&key, message).as_ref())
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_key_checks_itself_and_names_its_prefix() {
        let key = ApiKey::generate(Role::Affiliate).unwrap();
        let text = key.text.expose();
        assert!(text.starts_with(&key.prefix) && key.prefix.starts_with("cs_aff_"));
        assert_eq!(text.len(), "cs_aff_".len() + KEY_LENGTH + 6);
        assert!(ApiKey::is_well_formed(text));
        let mut altered = text.to_owned();
        altered.replace_range(10..11, if &text[10..11] == "a" { "b" } else { "a" });
        assert!(!ApiKey::is_well_formed(&altered));
        assert!(!ApiKey::is_well_formed("cs_ä"));
    }

    #[test]
    fn a_signing_key_is_kept_and_has_the_thumbprint_of_rfc_8037() {
        let key = SigningKey {
            pem: Secret::new(""),
            public: URL_SAFE_NO_PAD
                .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
                .unwrap(),
        };
        assert_eq!(key.key_id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");

        let folder = std::env::temp_dir().join(format!("countersign-key-{}", std::process::id()));
        let path = folder.join("signing.pem");
        let first = SigningKey::load_or_create(&path).unwrap().key_id();
        assert_eq!(SigningKey::load_or_create(&path).unwrap().key_id(), first);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
