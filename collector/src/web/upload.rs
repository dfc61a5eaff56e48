//! Forms that carry a file (`multipart/form-data`, RFC 7578): their fields and the file, bounded.

use std::convert::Infallible;

use axum::{
    body::{Body, Bytes},
    extract::FromRequestParts,
    http::request::Parts,
};
use multer::{Constraints, Multipart, SizeLimit};

use super::{
    error::WebError,
    form::{FIELDS, Fields},
};

/// What such a form's type begins with.
pub(super) const KIND: &str = "multipart/form-data";
/// Largest form with a file: the largest table that is read, and its fields.
const MOST: u64 = 9 << 20;
/// Longest name of a file that is kept, in characters.
const NAME: usize = 200;

/// A file that came with a form.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    /// What its sender calls it.
    pub(super) name: String,
    /// What it holds.
    pub(super) bytes: Bytes,
}

/// Whether the forms of a page may carry files; no other form is read beyond its usual size.
pub(super) fn takes_files(pattern: &str) -> bool {
    matches!(pattern, "/ledger" | "/register/{book}")
}

/// Reads a form. A file that nobody chose is none.
pub(super) async fn read(kind: &str, body: Body) -> Result<(Fields, Option<Upload>), WebError> {
    let boundary = multer::parse_boundary(kind).map_err(told)?;
    let limits = Constraints::new().size_limit(SizeLimit::new().whole_stream(MOST));
    let mut form = Multipart::with_constraints(body.into_data_stream(), boundary, limits);
    let (mut fields, mut upload) = (Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(told)? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field
            .file_name()
            .map(|name| name.chars().take(NAME).collect::<String>());
        let Some(file) = file else {
            if fields.len() < FIELDS {
                fields.push((name, field.text().await.map_err(told)?));
            }
            continue;
        };
        let bytes = field.bytes().await.map_err(told)?;
        if !file.is_empty() {
            upload = Some(Upload { name: file, bytes });
        }
    }
    Ok((Fields::new(fields), upload))
}

fn told(error: multer::Error) -> WebError {
    match error {
        multer::Error::StreamSizeExceeded { .. } | multer::Error::FieldSizeExceeded { .. } => {
            WebError::TooLarge
        }
        _ => WebError::Malformed,
    }
}

/// The file of the form, if there is one.
pub(super) struct Uploaded(pub(super) Option<Upload>);

impl<S: Sync> FromRequestParts<S> for Uploaded {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Upload>().cloned()))
    }
}
