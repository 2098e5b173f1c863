//! The header Retry-After: seconds, or a date as HTTP writes it (RFC 9110, section 10.2.3).

/// Milliseconds UTC before which the receiver does not want to be called again. What cannot be read asks nothing.
pub(super) fn read(header: &str, now: i64) -> Option<i64> {
    let header = header.trim();
    match header.parse::<u32>() {
        Ok(seconds) => Some(now.saturating_add(i64::from(seconds) * 1_000)),
        Err(_) => jiff::fmt::rfc2822::parse(header).ok().map(|date| date.timestamp().as_millisecond()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let check = |header, expected| assert_eq!(read(header, 1_000), expected, "{header}");
        check("0", Some(1_000));
        check(" 120 ", Some(121_000));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000));
        for header in ["", "soon", "-1", "1.5", "99999999999999999999"] {
            check(header, None);
        }
    }
}
