//! `{port}`: the place of the server's port in arguments and in variables, for `handover = "port"`.

/// Replaces each `{port}` by the port. `{{port}}` stands for the text `{port}`. All other text stays as it is.
///
/// ```
/// use flipless_settings::placeholder::fill;
/// assert_eq!(fill("--listen=127.0.0.1:{port}", "5001"), "--listen=127.0.0.1:5001");
/// assert_eq!(fill("{{port}} {host} {}", "5001"), "{port} {host} {}");
/// ```
pub fn fill(text: &str, port: &str) -> String {
    let parts = text.split("{{port}}");
    let parts: Vec<String> = parts.map(|part| part.replace("{port}", port)).collect();
    parts.join("{port}")
}

/// Returns whether the text contains `{port}`. `{{port}}` does not count.
pub fn is_in(text: &str) -> bool {
    text.split("{{port}}").any(|part| part.contains("{port}"))
}
