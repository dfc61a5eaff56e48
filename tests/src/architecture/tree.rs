//! The files of the project: what git tracks or would track. Reads them whole; knows nothing of Rust.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// A file of the project.
#[derive(Debug)]
pub struct File {
    /// Path below the root, with slashes.
    pub path: String,
    /// Content.
    pub bytes: Vec<u8>,
}

impl File {
    /// The content as text; `None` for anything with a NUL or without valid UTF-8.
    pub fn text(&self) -> Option<&str> {
        if self.bytes.contains(&0) {
            return None;
        }
        std::str::from_utf8(&self.bytes).ok()
    }
}

/// The root of the checkout that this package stands in.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Every file that is tracked, or that the next `git add` would track.
///
/// # Errors
/// When git is missing or the folder is no checkout.
pub fn files(root: &Path) -> Result<Vec<File>> {
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .context("git does not start")?;
    if !output.status.success() {
        bail!(
            "git cannot list the files of {}: {}",
            root.display(),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let mut files = Vec::new();
    for name in output
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let path = String::from_utf8(name.to_vec()).context("a file name is no UTF-8")?;
        let full = root.join(&path);
        // Deleted but still in the index, or a link: nothing to read.
        if !full.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        let bytes = std::fs::read(&full).with_context(|| format!("{path} cannot be read"))?;
        files.push(File { path, bytes });
    }
    Ok(files)
}

/// Lines of `text` that contain `word` where it does not continue a longer word, from 1.
pub fn lines_with(text: &str, word: &str) -> Vec<usize> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.match_indices(word).any(|(at, _)| {
                let before = line.get(..at).and_then(|part| part.chars().next_back());
                let after = line.get(at + word.len()..).and_then(|part| part.chars().next());
                !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
            })
        })
        .map(|(index, _)| index + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_only_where_it_stands_alone() {
        assert_eq!(lines_with("XAB\nAB\nsee AB.\nABC\n", "AB"), [2, 3]);
    }

    #[test]
    fn bytes_with_a_nul_are_no_text() {
        assert_eq!(
            File {
                path: "a".into(),
                bytes: vec![b'a', 0]
            }
            .text(),
            None
        );
        assert_eq!(
            File {
                path: "a".into(),
                bytes: vec![0xff]
            }
            .text(),
            None
        );
    }
}
