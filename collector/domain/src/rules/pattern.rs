//! Regular expressions of rules: linear in the length of the text whatever the pattern, compiled once at
//! load, within a bound of size.

use regex_automata::{
    meta::{BuildError, Config, Regex},
    util::syntax,
};

/// Longest pattern in bytes.
const PATTERN_BYTES: usize = 512;
/// Largest compiled pattern in bytes.
const COMPILED_BYTES: usize = 256 << 10;

/// Compiles a pattern; case does not matter. The error is in words for the person who wrote it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES {
        return Err(format!("it exceeds {PATTERN_BYTES} bytes"));
    }
    Regex::builder()
        .configure(
            Config::new()
                .nfa_size_limit(Some(COMPILED_BYTES))
                .onepass_size_limit(Some(COMPILED_BYTES))
                .hybrid_cache_capacity(COMPILED_BYTES),
        )
        .syntax(syntax::Config::new().case_insensitive(true).nest_limit(32))
        .build(pattern)
        .map_err(|error| reason(&error))
}

fn reason(error: &BuildError) -> String {
    if let Some(limit) = error.size_limit() {
        return format!("compiled, it exceeds {limit} bytes");
    }
    error.syntax_error().map_or_else(|| error.to_string(), one_line)
}

/// The last line of a syntax error is the one that says what is wrong.
fn one_line(error: &impl ToString) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::compile;

    #[test]
    fn case_does_not_matter() {
        assert!(compile("^k[mt]s.*").unwrap().is_match("KMSpico"));
    }

    #[test]
    fn huge_and_broken_patterns_are_refused() {
        for (pattern, why) in [
            ("(", "unclosed group"),
            (r"(\w{100}){100}", "exceeds"),
            (&"a".repeat(600), "exceeds 512 bytes"),
            (r"(?=a)b", "not supported"),
            (r"(a)\1", "not supported"),
            (&format!("{}a{}", "(".repeat(40), ")".repeat(40)), "nest"),
        ] {
            let refused = compile(pattern).unwrap_err();
            assert!(refused.contains(why), "{pattern}: {refused}");
        }
    }

    #[test]
    fn worst_patterns_end_on_long_text() {
        // Backtracking engines take 2^n steps here; a linear one ends at once, and a test that hangs fails.
        let text = "a".repeat(1 << 20);
        for pattern in ["(a+)+$b", "(a|a)*c", "(a*)*d", "(.*a){20}e"] {
            assert!(!compile(pattern).unwrap().is_match(&text), "{pattern}");
        }
    }
}
