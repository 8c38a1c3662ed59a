use super::*;

/// The directives of an nginx.conf with these files beside it.
fn read(text: &str, others: &[(&'static str, &'static str)]) -> Configuration {
    let mut files = Files::from([("nginx.conf", text.into())]);
    files.extend(others.iter().map(|(path, text)| (*path, Cow::from(*text))));
    let mut found = Configuration::default();
    found.read("nginx.conf", &files, &mut Vec::new());
    found
}

fn shown(found: &Configuration) -> Vec<(String, usize, String)> {
    let blocks = |one: &Directive| {
        let names = one.inside.iter().map(|(name, _)| name.as_str());
        names.collect::<Vec<_>>().join("/")
    };
    let shown = found.directives.iter();
    shown
        .map(|one| (one.words.join("|"), one.line, blocks(one)))
        .collect()
}

#[test]
fn words_blocks_and_lines_are_read_as_nginx_does() {
    let text = "# x;\nserver { listen 80; # }\n location ~ \"a{2};\" {\n set $a '${b}\\'c'; }\n}\nlog_format x a\n b${c}d;\n";
    let expected = [
        ("server", 2, ""),
        ("listen|80", 2, "server"),
        ("location|~|a{2};", 3, "server"),
        ("set|$a|${b}\\'c", 4, "server/location"),
        ("log_format|x|a|b${c}d", 6, ""),
    ];
    let expected = expected.map(|(words, line, inside)| (words.into(), line, inside.into()));
    assert_eq!(shown(&read(text, &[])), expected);
}

#[test]
fn a_fault_ends_the_reading_of_the_file() {
    for text in ["", "}", "a", "a \"b", "\\", "{", "}}};", "a{b{", "é${"] {
        read(text, &[]);
    }
    assert_eq!(read("gzip on; a \"b", &[]).directives.len(), 1);
    let deep = read(&"a{".repeat(100_000), &[]);
    assert_eq!(deep.directives.len(), MAX_DEPTH + 1);
    let many = read(&"a;".repeat(200_000), &[]);
    assert_eq!(many.directives.len(), MAX_DIRECTIVES + 1);
}

#[test]
fn included_files_are_read_in_their_block() {
    let text = "http { include /etc/nginx/conf.d/*.conf; include ./x*; include a/b; include '{xy,conf.d}/*'; }";
    let others = [
        (
            "conf.d/a.conf",
            "server { include conf.d/a.conf; listen 1; }",
        ),
        ("conf.d/.b.conf", "hidden;"),
        ("conf.d/c.conf.bak", "other;"),
        ("conf.d/old/d.conf", "deeper;"),
        ("xy", "gzip on; }"),
        ("nginx.conf.orig", "other;"),
    ];
    let found = shown(&read(text, &others));
    let names = found
        .iter()
        .map(|(words, _, inside)| (words.as_str(), inside.as_str()));
    let names: Vec<_> = names
        .filter(|(words, _)| !words.starts_with("include"))
        .collect();
    let expected = [
        ("http", ""),
        ("server", "http"),
        ("listen|1", "http/server"),
        ("gzip|on", "http"),
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_lines_of_a_table_are_no_directives() {
    for table in TABLES {
        let text = format!("{table} $a $b {{ 10.0.0.1 x; }}\ngzip on;");
        assert_eq!(shown(&read(&text, &[])).len(), 2, "{table}");
    }
    let lines = "10.0.0.1 x;\n".repeat(300_000);
    let found = shown(&read(&format!("map $a $b {{ {lines} }}\ngzip on;"), &[]));
    assert_eq!(found.len(), 2);
    assert_eq!(found[1], ("gzip|on".into(), 300_002, String::new()));
}

#[test]
fn includes_are_compared_with_a_limited_number_of_files() {
    let text = "include *ab;\n".repeat(50_000);
    let names: Vec<String> = (0..200)
        .map(|n| format!("{}{n}", "a".repeat(200)))
        .collect();
    let mut files = Files::from([("nginx.conf", text.into())]);
    files.extend(
        names
            .iter()
            .map(|name| (name.as_str(), Cow::from("gzip on;"))),
    );
    let mut found = Configuration::default();
    found.read("nginx.conf", &files, &mut Vec::new());
    assert!(found.compared < MAX_COMPARED + files.len());
}
