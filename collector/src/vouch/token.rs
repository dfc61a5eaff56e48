//! The ID token of a provider (OpenID Connect Core 3.1.3.7): who signed it, for whom, for which sign-in, and whether it
//! is still good. Pure: keys and time are given.

use data_encoding::BASE64URL_NOPAD;
use deskwarden_domain::model::Millis;
use serde_json::Value;

use super::keys::{self, Algorithm, Key};

/// Longest token that is looked at.
const LONGEST: usize = 32 << 10;
/// How far the provider's clock may be off, in seconds.
const LEEWAY: i64 = 60;
/// Oldest token of a sign-in that has just happened, in seconds.
const OLDEST: i64 = 600;

/// What a token must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Millis,
}

/// Why a token proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenFault {
    /// It is no token.
    #[error("it is not a signed token")]
    Shape,
    /// It is signed in a way that proves nothing here.
    #[error("it is signed with {0:?}, which is not taken")]
    Algorithm(String),
    /// The set has no such key.
    #[error("no key of the provider fits")]
    UnknownKey,
    /// Somebody else signed it, or it was changed.
    #[error("its signature is not the provider's")]
    Signature,
    /// A claim is missing or wrong.
    #[error("{0}")]
    Claim(&'static str),
}

/// The claims of a token that holds.
pub(super) fn check(token: &str, keys: &[Key], expected: &Expected<'_>) -> Result<Value, TokenFault> {
    if token.len() > LONGEST {
        return Err(TokenFault::Shape);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Shape)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Shape)?;
    let header = json(header)?;
    let name = header["alg"].as_str().unwrap_or_default();
    let algorithm =
        Algorithm::by_name(name).ok_or_else(|| TokenFault::Algorithm(name.chars().take(20).collect()))?;
    if header.get("crit").is_some() {
        return Err(TokenFault::Shape);
    }
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .map_err(|_| TokenFault::Shape)?;
    let fitting = keys::fitting(keys, header["kid"].as_str(), name, algorithm);
    if fitting.is_empty() {
        return Err(TokenFault::UnknownKey);
    }
    if !fitting
        .iter()
        .any(|key| key.verifies(algorithm, signed.as_bytes(), &signature))
    {
        return Err(TokenFault::Signature);
    }
    let claims = json(payload)?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn check_claims(claims: &Value, expected: &Expected<'_>) -> Result<(), TokenFault> {
    let require = |holds: bool, what: &'static str| {
        if holds {
            Ok(())
        } else {
            Err(TokenFault::Claim(what))
        }
    };
    require(
        claims["iss"].as_str() == Some(expected.issuer),
        "it comes from another issuer",
    )?;
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    require(
        audience.contains(&expected.client),
        "it is meant for another audience",
    )?;
    let authorized = match &claims["azp"] {
        Value::Null => audience.len() == 1,
        azp => azp.as_str() == Some(expected.client),
    };
    require(authorized, "it was made for another client")?;
    let now = expected.now.div_euclid(1000);
    let moment = |name: &str| {
        let value = &claims[name];
        // Some providers write a fraction.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a second more or less; the cast saturates"
        )]
        value
            .as_i64()
            .or_else(|| value.as_f64().map(|seconds| seconds as i64))
    };
    let until = moment("exp").ok_or(TokenFault::Claim("it does not say until when it holds"))?;
    require(until.saturating_add(LEEWAY) > now, "it has expired")?;
    let since = moment("iat").ok_or(TokenFault::Claim("it does not say when it was made"))?;
    require(
        since.saturating_sub(LEEWAY) <= now,
        "it was made in the future: compare the clocks",
    )?;
    require(
        since >= now - OLDEST,
        "it was made long before this sign-in: compare the clocks",
    )?;
    require(
        moment("nbf").is_none_or(|from| from.saturating_sub(LEEWAY) <= now),
        "it does not hold yet",
    )?;
    let nonce = claims["nonce"].as_str().unwrap_or_default();
    require(
        blake3::hash(nonce.as_bytes()) == blake3::hash(expected.nonce.as_bytes()),
        "it belongs to another sign-in",
    )?;
    let subject = claims["sub"].as_str().unwrap_or_default();
    require(
        !subject.is_empty() && subject.len() <= 255,
        "it does not say about whom it is",
    )
}

fn json(part: &str) -> Result<Value, TokenFault> {
    let bytes = BASE64URL_NOPAD
        .decode(part.as_bytes())
        .map_err(|_| TokenFault::Shape)?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| TokenFault::Shape)?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(TokenFault::Shape)
    }
}

#[cfg(test)]
mod tests;
