//! What a browser sent: form fields and query parameters, bounded and lenient, and links with parameters.

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};

use super::error::WebError;

/// Largest form in bytes of somebody who is not signed in, and largest body of a program's request.
pub(super) const FORM_BYTES: usize = 64 * 1024;
/// Largest form of somebody who is: a table pasted out of a spreadsheet has some 190 bytes a row, and a Chinese character
/// nine.
pub(super) const OWN_FORM_BYTES: usize = 2 * 1024 * 1024;
/// Most fields of a form or parameters of a query.
pub(super) const FIELDS: usize = 64;

/// The fields of a form, read by the guard before a handler runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a body or a query string.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(bytes)
                .take(FIELDS)
                .map(|(k, v)| (k.into_owned(), v.into_owned()))
                .collect(),
        )
    }

    /// From names and values.
    pub(super) const fn new(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The value of a field, trimmed; empty when it is not there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of a field as it was typed: for passwords.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a field that may come several times.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let values = self.0.iter().filter(move |(key, _)| key == name);
        values.map(|(_, value)| value.trim())
    }

    /// Names and values in their order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A field that is not empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }
}

impl<S: Sync> FromRequestParts<S> for Fields {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, WebError> {
        parts.extensions.get::<Self>().cloned().ok_or(WebError::Malformed)
    }
}

/// The parameters of the address.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub(super) Fields);

impl Query {
    /// Those of an address.
    pub(super) fn of(uri: &Uri) -> Self {
        Self(Fields::parse(uri.query().unwrap_or_default().as_bytes()))
    }

    /// A parameter that is not empty.
    pub(super) fn some(&self, name: &str) -> Option<&str> {
        self.0.some(name)
    }

    /// All parameters that are not empty.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.0.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Which page of a list, from 1.
    pub(super) fn page(&self) -> u64 {
        self.some("page")
            .and_then(|text| text.parse().ok())
            .filter(|page| (1..=1_000_000).contains(page))
            .unwrap_or(1)
    }
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

/// An address of ours with parameters; empty values are left out.
pub(super) fn link(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    }
}

/// An address to go back to, only if it is a path of ours.
pub(super) fn local_path(text: &str) -> Option<&str> {
    let harmless = text.starts_with('/')
        && !text.starts_with("//")
        && text.len() <= 2_000
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    harmless.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_back_to() {
        assert_eq!(local_path("/findings?page=2"), Some("/findings?page=2"));
        for evil in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nSet-Cookie: x",
            "",
            "javascript:1",
        ] {
            assert_eq!(local_path(evil), None, "{evil}");
        }
    }

    #[test]
    fn links_encode_what_people_typed() {
        assert_eq!(
            link("/findings", &[("text", "张 三&x=1"), ("page", "")]),
            "/findings?text=%E5%BC%A0+%E4%B8%89%26x%3D1"
        );
        assert_eq!(link("/findings", &[]), "/findings");
    }

    #[test]
    fn a_flood_of_fields_is_cut() {
        let body = "a=1&".repeat(10_000) + "last=1";
        let fields = Fields::parse(body.as_bytes());
        assert_eq!(fields.text("a"), "1");
        assert_eq!(fields.some("last"), None);
    }
}
