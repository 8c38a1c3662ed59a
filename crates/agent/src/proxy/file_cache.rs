//! Finds out whether nginx keeps files open that it has served.

use super::syntax::{self, Directive};

/// Returns whether nginx has a cache of open files. With this cache, a worker serves a file of the old version until
/// `open_file_cache_valid` is over, and may also remember that a file does not exist
/// (<https://nginx.org/en/docs/http/ngx_http_core_module.html#open_file_cache>). Each new worker has an empty cache.
pub fn is_on(tree: &[Directive]) -> bool {
    let all = syntax::all(tree).into_iter();
    let mut caches = all.filter(|directive| directive.name() == "open_file_cache");
    caches.any(|cache| cache.arguments().first().is_some_and(|word| word != "off"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_found_in_any_block() {
        for (text, expected) in [
            ("http { open_file_cache max=1000 inactive=20s; }", true),
            (
                "http { server { location /static { open_file_cache max=9; } } }",
                true,
            ),
            ("http { open_file_cache off; }", false),
            (
                "http { open_file_cache off; server { open_file_cache max=9; } }",
                true,
            ),
            ("http { open_file_cache_valid 30s; }", false),
        ] {
            assert_eq!(is_on(&syntax::parse(text)), expected, "{text}");
        }
    }
}
