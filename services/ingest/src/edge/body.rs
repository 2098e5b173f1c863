//! A request's body: decompressed and measured before anything parses it.
//!
//! Invariant: what leaves here is at most `MAX_BODY` bytes and nested at most `MAX_DEPTH` deep, so that no parser
//! behind it can run out of memory or stack.

use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;

use super::{
    limits::{MAX_BODY, MAX_DEPTH},
    refusal::Refusal,
};

/// The JSON text of a body, whatever its content type says.
pub(crate) fn open(encoding: Option<&str>, body: Bytes) -> Result<Bytes, Refusal> {
    let body = match encoding.map(str::trim) {
        None | Some("" | "identity") => body,
        Some(gzip) if gzip.eq_ignore_ascii_case("gzip") || gzip.eq_ignore_ascii_case("x-gzip") => {
            gunzip(&body)?
        }
        Some(other) => return Err(Refusal::UnknownEncoding(other.chars().take(40).collect())),
    };
    measure(&body)?;
    Ok(body)
}

/// Whether a text is small and shallow enough to be parsed.
pub(crate) fn measure(text: &[u8]) -> Result<(), Refusal> {
    if text.len() > MAX_BODY {
        Err(Refusal::body_too_large())
    } else if too_deep(text) {
        Err(Refusal::TooDeep)
    } else {
        Ok(())
    }
}

/// Stops one byte beyond what is taken: a bomb costs no more than an honest body.
fn gunzip(body: &[u8]) -> Result<Bytes, Refusal> {
    let mut text = Vec::with_capacity(body.len().saturating_mul(4).min(MAX_BODY));
    MultiGzDecoder::new(body)
        .take(MAX_BODY as u64 + 1)
        .read_to_end(&mut text)
        .map_err(|e| Refusal::Malformed(format!("gzip: {e}")))?;
    Ok(text.into())
}

/// Whether brackets nest deeper than is read, those within strings left out. Looks at each byte once.
fn too_deep(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => in_string = false,
            (true, false, _) => {}
            (false, _, b'"') => in_string = true,
            (false, _, b'{' | b'[') => depth += 1,
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, ..) => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn zipped(text: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap().into()
    }

    fn check(encoding: Option<&str>, body: impl Into<Bytes>, expected: Result<&str, &str>) {
        let opened = open(encoding, body.into());
        let found = opened.as_ref().map(|b| std::str::from_utf8(b).unwrap()).map_err(Refusal::code);
        assert_eq!(found, expected, "{encoding:?}");
    }

    #[test]
    fn a_gzipped_body_is_read_like_a_plain_one() {
        check(None, "{}", Ok("{}"));
        check(Some("identity"), "{}", Ok("{}"));
        check(Some("gzip"), zipped(b"{}"), Ok("{}"));
        check(Some("GZIP"), zipped(b"{}"), Ok("{}"));
    }

    #[test]
    fn a_body_in_another_compression_or_a_broken_one_is_refused() {
        check(Some("br"), "{}", Err("UNKNOWN_ENCODING"));
        check(Some("gzip"), "{}", Err("MALFORMED"));
        check(Some("gzip"), zipped(b"{\"a\": 1}").slice(..12), Err("MALFORMED"));
    }

    #[test]
    fn a_gzip_bomb_costs_no_more_than_the_cap() {
        let bomb = zipped(&vec![b' '; MAX_BODY + 1]);
        assert!(bomb.len() < 10_000);
        check(Some("gzip"), bomb, Err("TOO_LARGE"));
        check(None, vec![b' '; MAX_BODY + 1], Err("TOO_LARGE"));
    }

    #[test]
    fn a_depth_bomb_never_meets_a_recursive_parser() {
        check(None, "[".repeat(1_000_000), Err("TOO_DEEP"));
        check(None, "{\"a\":".repeat(MAX_DEPTH + 1), Err("TOO_DEEP"));
        assert!(!too_deep("[".repeat(MAX_DEPTH).as_bytes()));
        assert!(!too_deep("[]".repeat(MAX_DEPTH * 2).as_bytes()), "side by side is not deep");
        assert!(!too_deep(format!("\"{}\"", "[".repeat(1_000)).as_bytes()), "brackets in a string are text");
        assert!(
            !too_deep(format!("\"\\\"{}\"", "[".repeat(1_000)).as_bytes()),
            "an escaped quote ends nothing"
        );
        assert!(
            too_deep(format!("\"\\\\\"{}", "[".repeat(1_000)).as_bytes()),
            "an escaped backslash escapes nothing"
        );
    }
}
