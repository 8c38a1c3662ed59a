//! One line of the log, in the format of EB's nginx.

use std::fmt::{self, Display, Formatter, Write};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use percent_encoding::percent_decode_str;

/// A finished request.
#[derive(Debug)]
pub(crate) struct Line {
    /// When the request finished.
    pub(super) at: SystemTime,
    /// The path as the client sent it, without the query.
    pub(super) path: String,
    pub(super) status: StatusCode,
    pub(super) took: Duration,
    /// The header `X-Forwarded-For`.
    pub(super) forwarded_for: Option<Vec<u8>>,
}

impl Line {
    /// Returns the hour of the line in UTC, in the form of the file's name: `2026-01-31-09`.
    pub(super) fn hour(&self) -> String {
        let stamp = humantime::format_rfc3339_seconds(self.at).to_string();
        stamp.get(..13).unwrap_or(&stamp).replace('T', "-")
    }
}

/// Writes the line as `$msec"$uri"$status"$request_time"$upstream_response_time"$http_x_forwarded_for`.
impl Display for Line {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let at = self
            .at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        write_seconds(out, at)?;
        out.write_char('"')?;
        // nginx's `$uri` is the decoded path.
        let decoded: Vec<u8> = percent_decode_str(&self.path).collect();
        write_escaped(out, &decoded)?;
        write!(out, "\"{}\"", self.status.as_u16())?;
        // Without nginx there is no upstream, so both fields get the request's time.
        write_seconds(out, self.took)?;
        out.write_char('"')?;
        write_seconds(out, self.took)?;
        out.write_char('"')?;
        match &self.forwarded_for {
            Some(value) if !value.is_empty() => write_escaped(out, value)?,
            _ => out.write_char('-')?,
        }
        out.write_char('\n')
    }
}

/// Writes seconds with three decimal places.
fn write_seconds(out: &mut impl Write, time: Duration) -> fmt::Result {
    write!(out, "{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Escapes like nginx's `log_format … escape=default`: `"`, `\` and all but printable ASCII become `\xXX`.
/// <https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>
fn write_escaped(out: &mut impl Write, text: &[u8]) -> fmt::Result {
    for &byte in text {
        match byte {
            b' '..=b'~' if byte != b'"' && byte != b'\\' => out.write_char(char::from(byte))?,
            _ => write!(out, "\\x{byte:02X}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(path: &str, forwarded_for: Option<&[u8]>) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_769_850_000_007),
            path: path.to_owned(),
            status: StatusCode::OK,
            took: Duration::from_millis(5),
            forwarded_for: forwarded_for.map(<[u8]>::to_vec),
        }
    }

    #[test]
    fn a_line_has_the_format_of_nginx() {
        let expected = "1769850000.007\"/health\"200\"0.005\"0.005\"203.0.113.9, 10.0.0.1\n";
        assert_eq!(
            line("/health", Some(b"203.0.113.9, 10.0.0.1")).to_string(),
            expected
        );
    }

    #[test]
    fn a_missing_forwarded_for_is_a_dash() {
        for value in [None, Some(&b""[..])] {
            assert!(line("/", value).to_string().ends_with("\"-\n"));
        }
    }

    #[test]
    fn the_path_is_decoded_then_escaped() {
        for (path, logged) in [
            ("/a%20b", "/a b"),
            ("/%22quoted%22", r"/\x22quoted\x22"),
            (r"/back\slash", r"/back\x5Cslash"),
            ("/%0Anew%7f", r"/\x0Anew\x7F"),
            ("/ü", r"/\xC3\xBC"),
            ("/100%", "/100%"),
            ("/%zz%4", "/%zz%4"),
        ] {
            let text = line(path, None).to_string();
            assert_eq!(text.split('"').nth(1).unwrap(), logged, "{path}");
        }
    }

    #[test]
    fn the_hour_is_in_utc() {
        assert_eq!(line("/", None).hour(), "2026-01-31-09");
    }

    /// Every request gives one line of six fields.
    #[test]
    fn no_input_breaks_the_format() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()[0]
                })
                .collect();
            let path: String = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            let text = line(&path, Some(&bytes)).to_string();
            assert_eq!(text.matches('"').count(), 5, "{text:?}");
            assert_eq!(text.find('\n'), Some(text.len() - 1), "{text:?}");
            assert!(
                text.trim_end()
                    .bytes()
                    .all(|byte| (b' '..=b'~').contains(&byte)),
                "{text:?}"
            );
        }
    }
}
