//! An OpenID provider: the authorization code flow with PKCE. Reads its discovery document and its keys, which are kept
//! for an hour, and read again when a token names a key that is not among them. Blocks while it asks.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use deskwarden_domain::model::{Millis, Vouched, Voucher};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{
    SetupError, VouchError,
    attempt::Attempt,
    keys::{self, Key},
    rights, sign_in_name,
    token::{self, Expected, TokenFault},
};
use crate::{
    config::Oidc,
    notify::{self, http::Http},
    outbound::NamedResolver,
};

/// How long discovery document and keys are kept.
const KEPT: Duration = Duration::from_secs(3_600);
/// Keys are read again for an unknown one at most this often.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Conversations that may be under way at once.
const AT_ONCE: usize = 4;
/// Longest code that a provider gives.
const LONGEST_CODE: usize = 8 << 10;

/// An OpenID provider.
pub struct Provider {
    config: Oidc,
    http: Http,
    known: Mutex<Known>,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Known {
    document: Option<(Arc<Document>, Instant)>,
    keys: Option<(Arc<Vec<Key>>, Instant)>,
    /// When keys were last read for a token that no known one fits.
    again: Option<Instant>,
}

/// What the discovery document says that is needed here.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Provider {
    /// Prepares the client; connects to nothing.
    pub fn new(config: Oidc) -> Result<Self, SetupError> {
        let http =
            Http::new(config.ca_file.as_deref(), NamedResolver::default()).map_err(|error| SetupError {
                kind: "oidc",
                why: error.to_string(),
            })?;
        Ok(Self {
            config,
            http,
            known: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }

    /// What people call it.
    pub fn label(&self) -> &str {
        &self.config.label
    }

    /// Its address.
    pub(crate) fn issuer(&self) -> &str {
        &self.config.issuer
    }

    /// Conversations that may begin.
    pub(crate) fn turns(&self) -> Arc<Semaphore> {
        Arc::clone(&self.turns)
    }

    /// Where the browser goes to sign in. Blocks.
    pub(crate) fn address(&self, attempt: &Attempt) -> Result<String, VouchError> {
        let document = self.document()?;
        let scopes = format!("openid {}", self.config.scopes.join(" "));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.config.redirect_uri)
            .append_pair("scope", &scopes)
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        let mark = if document.authorization_endpoint.contains('?') {
            '&'
        } else {
            '?'
        };
        Ok(format!("{}{mark}{query}", document.authorization_endpoint))
    }

    /// Who signed in there, by the code that the browser brought back. Without a group that gives a role, the roles are
    /// none. Blocks.
    pub(crate) fn redeem(&self, code: &str, attempt: &Attempt, now: Millis) -> Result<Vouched, VouchError> {
        if code.is_empty() || code.len() > LONGEST_CODE {
            return Err(VouchError::Unproven("there is no code in it".into()));
        }
        let document = self.document()?;
        let answer = self.exchange(&document, code, attempt)?;
        let token = answer["id_token"]
            .as_str()
            .ok_or_else(|| VouchError::Broken("the provider gave no id_token".into()))?;
        let mut claims = self.claims(&document, token, &attempt.nonce(), now)?;
        let missing = [&self.config.name_claim, &self.config.groups_claim]
            .iter()
            .any(|name| claim(&claims, name).is_none());
        if let (true, Some(address)) = (missing, &document.userinfo_endpoint) {
            self.complete(&mut claims, address, answer["access_token"].as_str())?;
        }
        self.vouched(&claims)
    }

    fn vouched(&self, claims: &Value) -> Result<Vouched, VouchError> {
        let named = claim(claims, &self.config.name_claim).and_then(Value::as_str);
        let name = named.and_then(sign_in_name).ok_or_else(|| {
            VouchError::Broken(format!(
                "the claim {} is missing, or no sign-in name: choose another as name_claim, or ask for its scope",
                self.config.name_claim
            ))
        })?;
        let held: Vec<&str> = match claim(claims, &self.config.groups_claim) {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one],
            _ => Vec::new(),
        };
        let (roles, sight) = rights(&name, &self.config.groups, |group| held.contains(&group))?;
        let subject = claims["sub"].as_str().unwrap_or_default();
        Ok(Vouched {
            by: Voucher::Oidc,
            subject: format!("{} {subject}", self.config.issuer),
            name,
            roles,
            sight,
        })
    }

    fn exchange(&self, document: &Document, code: &str, attempt: &Attempt) -> Result<Value, VouchError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.config.redirect_uri)
            .append_pair("code_verifier", &attempt.verifier());
        let methods = document.token_endpoint_auth_methods_supported.as_deref();
        let basic = methods.is_none_or(|methods| methods.iter().any(|name| name == "client_secret_basic"));
        let mut header = None;
        match &self.config.secret {
            Some(secret) if basic => {
                // RFC 6749, 2.3.1: both are encoded as in a form first.
                let encoded =
                    |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(&self.config.client_id), encoded(secret.reveal()));
                header = Some(format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes())));
            }
            Some(secret) => {
                form.append_pair("client_id", &self.config.client_id)
                    .append_pair("client_secret", secret.reveal());
            }
            None => {
                form.append_pair("client_id", &self.config.client_id);
            }
        }
        let headers: Vec<(&str, &str)> = header
            .iter()
            .map(|value| ("Authorization", value.as_str()))
            .collect();
        let answer = self
            .http
            .post_form(&document.token_endpoint, &headers, &form.finish())
            .map_err(|error| VouchError::Unreachable(error.to_string()))?;
        let body = answer.json();
        if answer.is_success() {
            return Ok(body);
        }
        let why = notify::clean(body["error"].as_str().unwrap_or("no reason"));
        Err(match why.as_str() {
            // The code was used before, has expired, or belongs to another sign-in.
            "invalid_grant" => VouchError::Unproven("the provider does not take the code".into()),
            _ => VouchError::Broken(format!(
                "the provider answered status {} to the code: {why}",
                answer.status
            )),
        })
    }

    fn claims(
        &self,
        document: &Document,
        token: &str,
        nonce: &str,
        now: Millis,
    ) -> Result<Value, VouchError> {
        let expected = Expected {
            issuer: &self.config.issuer,
            client: &self.config.client_id,
            nonce,
            now,
        };
        let unproven = |fault: TokenFault| VouchError::Unproven(format!("its id_token: {fault}"));
        let keys = self.keys(document, KEPT)?;
        match token::check(token, &keys, &expected) {
            // The provider may have changed its keys since they were read.
            Err(TokenFault::UnknownKey | TokenFault::Signature) if self.may_read_again() => {
                let keys = self.keys(document, Duration::ZERO)?;
                token::check(token, &keys, &expected).map_err(unproven)
            }
            checked => checked.map_err(unproven),
        }
    }

    fn may_read_again(&self) -> bool {
        let mut known = self.known();
        let may = known.again.is_none_or(|at| at.elapsed() >= AGAIN_AFTER);
        if may {
            known.again = Some(Instant::now());
        }
        may
    }

    /// Adds what the ID token lacks from the provider's answer about the person.
    fn complete(&self, claims: &mut Value, address: &str, access: Option<&str>) -> Result<(), VouchError> {
        let Some(access) = access.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())) else {
            return Ok(());
        };
        let bearer = format!("Bearer {access}");
        let answer = self
            .http
            .get_with(address, &[("Authorization", &bearer)])
            .map_err(|error| VouchError::Unreachable(error.to_string()))?;
        let more = answer.json();
        if !answer.is_success() {
            return Err(VouchError::Broken(format!(
                "the provider answered status {} to the question who that is",
                answer.status
            )));
        }
        if more["sub"] != claims["sub"] {
            return Err(VouchError::Unproven("its userinfo is about somebody else".into()));
        }
        if let (Some(claims), Some(more)) = (claims.as_object_mut(), more.as_object()) {
            for (name, value) in more {
                claims.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }

    fn document(&self) -> Result<Arc<Document>, VouchError> {
        if let Some((document, read)) = &self.known().document
            && read.elapsed() < KEPT
        {
            return Ok(Arc::clone(document));
        }
        let address = format!(
            "{}/.well-known/openid-configuration",
            self.config.issuer.trim_end_matches('/')
        );
        let document: Document = serde_json::from_value(self.json(&address)?)
            .map_err(|error| VouchError::Broken(format!("{address}: {error}")))?;
        if document.issuer != self.config.issuer {
            return Err(VouchError::Broken(format!(
                "{address} is that of the issuer {:?}, the configuration has {:?}: they must be equal letter by letter",
                notify::clean(&document.issuer),
                self.config.issuer
            )));
        }
        let places = [
            Some(&document.authorization_endpoint),
            Some(&document.token_endpoint),
            Some(&document.jwks_uri),
            document.userinfo_endpoint.as_ref(),
        ];
        let safe = |place: &&String| {
            place.starts_with("https://") && place.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        };
        if !places.iter().flatten().all(safe) {
            return Err(VouchError::Broken(format!(
                "{address} names a place without https"
            )));
        }
        let document = Arc::new(document);
        self.known().document = Some((Arc::clone(&document), Instant::now()));
        Ok(document)
    }

    /// Keys that were read within `fresh`, or are read now.
    fn keys(&self, document: &Document, fresh: Duration) -> Result<Arc<Vec<Key>>, VouchError> {
        if let Some((keys, read)) = &self.known().keys
            && read.elapsed() < fresh
        {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(keys::parse(&self.json(&document.jwks_uri)?));
        if keys.is_empty() {
            return Err(VouchError::Broken(format!(
                "{} holds no key that can be used",
                document.jwks_uri
            )));
        }
        self.known().keys = Some((Arc::clone(&keys), Instant::now()));
        Ok(keys)
    }

    fn json(&self, address: &str) -> Result<Value, VouchError> {
        let answer = self
            .http
            .get(address)
            .map_err(|error| VouchError::Unreachable(format!("{address}: {error}")))?;
        let body = answer.json();
        match answer.fault(address) {
            Some(fault) => Err(VouchError::Unreachable(fault.to_string())),
            None if body.is_object() => Ok(body),
            None => Err(VouchError::Broken(format!("{address} holds no JSON object"))),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim by its name, which may have dots in it, or by a path of names.
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    let whole = claims.get(name);
    let found = whole.or_else(|| name.split('.').try_fold(claims, |inside, part| inside.get(part)));
    found.filter(|value| !value.is_null())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_name_and_by_path() {
        let claims = json!({"a.b": 1, "realm_access": {"roles": ["it"]}, "none": null});
        assert_eq!(claim(&claims, "a.b"), Some(&json!(1)));
        assert_eq!(claim(&claims, "realm_access.roles"), Some(&json!(["it"])));
        assert_eq!(claim(&claims, "none"), None);
        assert_eq!(claim(&claims, "realm_access.x"), None);
    }
}
