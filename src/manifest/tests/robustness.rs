//! No input makes the program panic.

use proptest::prelude::*;

use super::*;

fn must_not_panic(text: &[u8]) {
    let Loaded { sources, mut diagnostics, manifest, .. } = load_text(text, &[]);
    assert_eq!(manifest.is_none(), diagnostics.iter().any(Diagnostic::is_error));
    sources.ignore(&mut diagnostics, Lints::Complete);
    sources.locate(&mut diagnostics);
    for diagnostic in diagnostics {
        assert!(diagnostic.place.is_some_and(|place| place.line > 0 && place.column > 0 && place.length > 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        must_not_panic(&bytes);
    }

    #[test]
    fn arbitrary_yaml_like_text_does_not_panic(text in r"[a-c:{}\[\],&*<>|!%@`'\x22#\-? \n\t0-9~$.\r\u{e9}\u{85}]{0,200}") {
        must_not_panic(text.as_bytes());
    }

    #[test]
    fn arbitrary_comments_do_not_panic(text in r"(# ?fgctl:? ?|ignore|unknown-runtime|[\[\],|'\x22\n :a\u{e9}-]){0,30}") {
        must_not_panic(text.as_bytes());
    }

    #[test]
    fn a_random_edit_of_a_manifest_does_not_panic(
        at in any::<prop::sample::Index>(),
        length in 0..12_usize,
        insert in r"[a-c:{}\[\],&*<>|!'\x22#\-? \n\t0-9~$.]{0,4}",
        invalid in any::<bool>(),
    ) {
        let mut bytes = if invalid { INVALID } else { ORDERS }.as_bytes().to_vec();
        let start = at.index(bytes.len());
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, insert.into_bytes());
        must_not_panic(&bytes);
    }
}
