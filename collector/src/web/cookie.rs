//! Cookies: read from a request, written with the attributes that keep them ours. All carry the
//! `__Host-` prefix, so that no other host or path can plant one.

use axum::http::{HeaderMap, HeaderValue, header};

/// The value of a cookie by exact name.
pub(super) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// How long a browser keeps a cookie.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    /// Until the browser closes.
    Session,
    /// A year.
    Year,
    /// Ten minutes, and it comes along when another site sends the browser back here by an address: for a sign-in that
    /// is under way elsewhere.
    Away,
    /// Not at all: forget it.
    Gone,
}

/// A `Set-Cookie` value. `value` holds only characters that need no quoting.
pub(super) fn set(name: &str, value: &str, keep: Keep) -> Option<HeaderValue> {
    let age = match keep {
        Keep::Session => "",
        Keep::Year => "; Max-Age=31536000",
        Keep::Away => "; Max-Age=600",
        Keep::Gone => "; Max-Age=0",
    };
    let site = match keep {
        Keep::Away => "Lax",
        Keep::Session | Keep::Year | Keep::Gone => "Strict",
    };
    HeaderValue::from_str(&format!(
        "{name}={value}; Path=/; Secure; HttpOnly; SameSite={site}{age}"
    ))
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::COOKIE,
            "x__Host-a=0; __Host-a=1; __Host-ab=2".parse().unwrap(),
        );
        assert_eq!(get(&headers, "__Host-a"), Some("1"));
        assert_eq!(get(&headers, "__Host-b"), None);
    }

    #[test]
    fn cookies_are_host_bound_and_hidden_from_scripts() {
        let value = set("__Host-a", "1", Keep::Session).unwrap();
        assert_eq!(value, "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Strict");
        let away = set("__Host-a", "1", Keep::Away).unwrap();
        assert_eq!(
            away,
            "__Host-a=1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"
        );
    }
}
