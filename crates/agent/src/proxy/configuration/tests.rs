#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::{BUNDLE, Instance};

fn put(instance: &Instance, path: &str, text: &str) {
    instance.system.write(path, text.as_bytes(), 0o644).unwrap();
}

fn words(tree: &[Directive]) -> Vec<String> {
    let all = syntax::all(tree).into_iter();
    all.map(|directive| directive.words.join(" ")).collect()
}

#[test]
fn includes_are_followed_through_blocks_links_lines_and_patterns() {
    let instance = Instance::new();
    put(
        &instance,
        MAIN,
        "events {} http { # include no.conf;\n include\n \"conf.d/*.conf\"; include one.conf; }",
    );
    put(&instance, "/etc/nginx/one.conf", "map $a $b { include m; }");
    put(&instance, "/etc/nginx/m", "x 1;");
    put(&instance, "/etc/nginx/conf.d/a.conf", "a;");
    put(&instance, "/etc/nginx/conf.d/b.conf.bak", "b;");
    put(&instance, "/etc/nginx/no.conf", "no;");
    put(&instance, "/srv/linked", "linked; include one.conf;");
    let target = Path::new("../../../srv/linked");
    let link = "/etc/nginx/conf.d/l.conf";
    instance.system.link(target, link).unwrap();
    let tree = Configuration::in_force(&View::own(&instance.system)).tree(MAIN);
    let map = ["map $a $b", "x 1"];
    let expected = [&["events", "http", "a", "linked"][..], &map, &map].concat();
    assert_eq!(words(&tree), expected);
}

#[test]
fn an_include_of_itself_ends() {
    let instance = Instance::new();
    put(&instance, MAIN, "a; include nginx.conf; include missing;");
    let configuration = Configuration::in_force(&View::own(&instance.system));
    assert_eq!(configuration.paths().count(), 1);
    assert!(configuration.tree(MAIN).len() <= MAX_DEPTH);
}

#[test]
fn staged_files_and_the_bundle_are_where_they_will_be_after_the_flip() {
    let instance = Instance::new();
    put(
        &instance,
        MAIN,
        "include conf.d/*.conf; include /var/app/current/own/*;",
    );
    put(&instance, "/etc/nginx/conf.d/a.conf", "old;");
    put(&instance, "/etc/nginx/conf.d/b.conf", "stays;");
    put(&instance, "/var/app/current/own/x", "current;");
    let staged = format!("{PROXY_STAGING}/conf.d/a.conf");
    put(&instance, &staged, "new;");
    put(&instance, &format!("{BUNDLE}/own/x"), "next;");
    let tree = Configuration::staged(&instance.system, instance.bundle()).tree(MAIN);
    assert_eq!(words(&tree), ["new", "stays", "next"]);
    let tree = Configuration::in_force(&View::own(&instance.system)).tree(MAIN);
    assert_eq!(words(&tree), ["old", "stays", "current"]);
}
