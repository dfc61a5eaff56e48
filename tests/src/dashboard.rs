//! A person at the dashboard: signs in as the browser would, keeps the cookies, reads pages, sends forms.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::https::{Answer, Client};

/// A browser of somebody, without the browser.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// Somebody who is not signed in.
    ///
    /// # Errors
    /// When the address or the roots are no good.
    pub fn new(url: &str, roots: &Path) -> Result<Self> {
        Ok(Self {
            client: Client::new(url, roots)?,
            cookies: BTreeMap::new(),
        })
    }

    /// Signs in with a one-time password and sets another, as the dashboard asks at first.
    ///
    /// # Errors
    /// When the dashboard refuses.
    pub fn first_sign_in(&mut self, user: &str, one_time: &str, password: &str) -> Result<()> {
        self.sign_in(user, one_time)?;
        let form = [("current", one_time), ("new", password), ("again", password)];
        let answer = self.send("/account", "/account/password", &form)?;
        ensure!(
            answer.status == 303,
            "the new password was refused ({}): {}",
            answer.status,
            words(&answer.body)
        );
        Ok(())
    }

    /// Signs in.
    ///
    /// # Errors
    /// When the dashboard refuses.
    pub fn sign_in(&mut self, user: &str, password: &str) -> Result<()> {
        let answer = self.send("/sign-in", "/sign-in", &[("user", user), ("password", password)])?;
        ensure!(
            answer.status == 303,
            "the sign-in was refused ({}): {}",
            answer.status,
            words(&answer.body)
        );
        Ok(())
    }

    /// Reads a page.
    ///
    /// # Errors
    /// When the connection fails; a refusal is an answer.
    pub fn get(&mut self, path: &str) -> Result<Answer> {
        let cookie = self.cookie();
        let answer =
            self.client
                .request("GET", path, &[("Cookie", &cookie), ("Accept-Language", "en")], "")?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Reads a page that must be there, as the words that a person sees.
    ///
    /// # Errors
    /// When the answer is not 200.
    pub fn read(&mut self, path: &str) -> Result<String> {
        let answer = self.get(path)?;
        ensure!(
            answer.status == 200,
            "{path} answered {}: {}",
            answer.status,
            words(&answer.body)
        );
        Ok(words(&answer.body))
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// When the answer is not 200 or no JSON.
    pub fn api(&mut self, path: &str) -> Result<Value> {
        let answer = self.get(path)?;
        ensure!(
            answer.status == 200,
            "{path} answered {}: {}",
            answer.status,
            answer.body
        );
        answer.json()
    }

    /// Sends a form of a page, with the page's secret.
    ///
    /// # Errors
    /// When the page or its form is not there; a refusal is an answer.
    pub fn send(&mut self, page: &str, action: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let shown = self.get(page)?;
        if shown.status != 200 {
            bail!("{page} answered {}: {}", shown.status, words(&shown.body));
        }
        let csrf = attribute_after(&shown.body, "name=\"csrf\"", "value").unwrap_or_default();
        let mut form = vec![format!("csrf={}", encode(&csrf))];
        form.extend(
            fields
                .iter()
                .map(|(name, value)| format!("{name}={}", encode(value))),
        );
        let origin = format!("https://{}", self.client.authority());
        let cookie = self.cookie();
        let headers = [
            ("Cookie", cookie.as_str()),
            ("Origin", origin.as_str()),
            ("Accept-Language", "en"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let answer = self.client.request("POST", action, &headers, &form.join("&"))?;
        self.keep(&answer);
        Ok(answer)
    }

    /// Opens the stream of live updates: the names and data of events, line by line.
    ///
    /// # Errors
    /// When the dashboard refuses.
    pub fn events(&self) -> Result<impl Iterator<Item = String> + Send + use<>> {
        self.client.follow(
            "/events",
            &[("Cookie", &self.cookie()), ("Accept", "text/event-stream")],
        )
    }

    /// Names and values of the cookies, for a real browser.
    pub fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    fn cookie(&self) -> String {
        self.cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep(&mut self, answer: &Answer) {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// The text of a page without its tags, on one line.
pub fn words(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Value of an attribute of the tag that holds `mark`.
fn attribute_after(html: &str, mark: &str, attribute: &str) -> Option<String> {
    let at = html.find(mark)?;
    let start = html.get(..at)?.rfind('<')?;
    let tag = html.get(start..)?.split('>').next()?;
    let value = tag.split(&format!("{attribute}=\"")).nth(1)?;
    value.split('"').next().map(str::to_owned)
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// A required text of a JSON object.
///
/// # Errors
/// When it is not there.
pub fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("{name} is missing in {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_a_person_reads() {
        assert_eq!(
            words("<p class=\"a\">a &lt;b&gt;\n <b>c&amp;d</b></p>"),
            "a <b> c&d"
        );
    }

    #[test]
    fn the_secret_of_a_form_is_found_whatever_the_order_of_attributes() {
        let html =
            "<form><input type=\"hidden\" value=\"s3\" name=\"csrf\"><input name=\"x\" value=\"no\"></form>";
        assert_eq!(
            attribute_after(html, "name=\"csrf\"", "value").as_deref(),
            Some("s3")
        );
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encode("a b&中"), "a%20b%26%E4%B8%AD");
    }
}
