//! Tokens signed by a key of the test, right but for one thing each.

use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::json;

use super::*;

const NOW: Millis = 1_795_399_200_000;
const SECONDS: i64 = NOW / 1000;

struct Signer {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap();
        Self { pair, random }
    }

    fn set(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": BASE64URL_NOPAD.encode(&point[1..33]),
            "y": BASE64URL_NOPAD.encode(&point[33..65]),
        }]})
    }

    fn keys(&self) -> Vec<Key> {
        keys::parse(&self.set())
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let signature = self.pair.sign(&self.random, text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

fn header() -> Value {
    json!({"alg": "ES256", "kid": "k1", "typ": "JWT"})
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example", "aud": "deskwarden", "sub": "u-1", "nonce": "n-1",
        "iat": SECONDS, "exp": SECONDS + 300,
    })
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut all = claims();
    for (name, value) in changes {
        all[*name] = value.clone();
    }
    all
}

fn verdict(token: &str, keys: &[Key]) -> Result<Value, TokenFault> {
    check(
        token,
        keys,
        &Expected {
            issuer: "https://login.example",
            client: "deskwarden",
            nonce: "n-1",
            now: NOW,
        },
    )
}

#[test]
fn a_token_of_this_sign_in_holds() {
    let signer = Signer::new();
    let token = signer.sign(&header(), &claims());
    assert_eq!(verdict(&token, &signer.keys()).unwrap()["sub"], "u-1");
    let several = with(&[
        ("aud", json!(["deskwarden", "mail"])),
        ("azp", json!("deskwarden")),
    ]);
    assert!(verdict(&signer.sign(&header(), &several), &signer.keys()).is_ok());
}

#[test]
fn a_token_with_one_wrong_claim_is_refused() {
    let signer = Signer::new();
    for (changes, why) in [
        (vec![("iss", json!("https://evil.example"))], "another issuer"),
        (vec![("iss", json!("https://login.example/"))], "another issuer"),
        (vec![("aud", json!("mail"))], "another audience"),
        (vec![("aud", json!([]))], "another audience"),
        (vec![("aud", json!(["deskwarden", "mail"]))], "another client"),
        (vec![("azp", json!("mail"))], "another client"),
        (vec![("exp", json!(SECONDS - 61))], "expired"),
        (vec![("exp", Value::Null)], "until when"),
        (vec![("iat", json!(SECONDS + 61))], "in the future"),
        (vec![("iat", json!(SECONDS - 601))], "long before"),
        (vec![("iat", Value::Null)], "when it was made"),
        (vec![("nbf", json!(SECONDS + 61))], "not hold yet"),
        (vec![("nonce", json!("n-2"))], "another sign-in"),
        (vec![("nonce", Value::Null)], "another sign-in"),
        (vec![("sub", json!(""))], "about whom"),
    ] {
        let fault = verdict(&signer.sign(&header(), &with(&changes)), &signer.keys()).unwrap_err();
        assert!(fault.to_string().contains(why), "{changes:?}: {fault}");
    }
}

#[test]
fn a_token_without_a_signature_of_the_provider_is_refused() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let keys = signer.keys();
    assert_eq!(
        verdict(&stranger.sign(&header(), &claims()), &keys),
        Err(TokenFault::Signature)
    );
    let unknown = json!({"alg": "ES256", "kid": "k2"});
    assert_eq!(
        verdict(&signer.sign(&unknown, &claims()), &keys),
        Err(TokenFault::UnknownKey)
    );
    for name in ["none", "None", "HS256", "HS512", "ES256K", ""] {
        let plain = unsigned(&json!({"alg": name, "kid": "k1"}), &claims());
        for token in [
            format!("{plain}."),
            format!(
                "{plain}.{}",
                BASE64URL_NOPAD.encode(
                    // The old trick: the public key as the shared secret.
                    hmac::sign(
                        &hmac::Key::new(hmac::HMAC_SHA256, signer.pair.public_key().as_ref()),
                        plain.as_bytes()
                    )
                    .as_ref()
                )
            ),
        ] {
            assert_eq!(
                verdict(&token, &keys),
                Err(TokenFault::Algorithm(name.to_owned())),
                "{name}"
            );
        }
    }
    let other_kind = json!({"alg": "RS256", "kid": "k1"});
    assert_eq!(
        verdict(&signer.sign(&other_kind, &claims()), &keys),
        Err(TokenFault::UnknownKey)
    );
}

#[test]
fn a_changed_or_broken_token_is_refused() {
    let signer = Signer::new();
    let keys = signer.keys();
    let token = signer.sign(&header(), &claims());
    let mut parts: Vec<&str> = token.split('.').collect();
    let forged = BASE64URL_NOPAD.encode(with(&[("sub", json!("u-2"))]).to_string().as_bytes());
    parts[1] = &forged;
    assert_eq!(verdict(&parts.join("."), &keys), Err(TokenFault::Signature));
    let critical = json!({"alg": "ES256", "kid": "k1", "crit": ["x"], "x": 1});
    for text in [
        String::new(),
        "a.b".into(),
        "a.b.c".into(),
        "....".into(),
        format!("{token}="),
        token.repeat(200),
        signer.sign(&critical, &claims()),
        signer.sign(&header(), &json!("no object")),
    ] {
        assert_eq!(verdict(&text, &keys), Err(TokenFault::Shape), "{text}");
    }
}

#[test]
fn keys_for_encryption_and_of_unknown_kinds_are_passed_over() {
    let signer = Signer::new();
    let mut set = signer.set();
    set["keys"][0]["use"] = json!("enc");
    assert!(keys::parse(&set).is_empty());
    for odd in [
        json!({}),
        json!({"keys": 1}),
        json!({"keys": [1, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}),
    ] {
        assert!(keys::parse(&odd).is_empty());
    }
}
