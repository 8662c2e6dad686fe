use super::*;

fn at(path: &str) -> At {
    At {
        root: 3,
        path: path.into(),
    }
}

fn file() -> File {
    File {
        at: at("src/a b.js"),
        mode: 0o644,
        modified: -1,
        seen: 7,
    }
}

fn requests() -> Vec<Request> {
    vec![
        Request::Hello {
            build: BUILD.to_owned(),
        },
        Request::Root {
            number: 3,
            path: b"/app".to_vec(),
            owner: Some((1000, 0)),
        },
        Request::Root {
            number: u16::MAX,
            path: b"/".to_vec(),
            owner: None,
        },
        Request::Put {
            file: file(),
            bytes: b"\0\xff".to_vec(),
        },
        Request::Begin {
            file: file(),
            size: u64::MAX,
        },
        Request::Piece {
            of: 4,
            bytes: vec![1; PIECE],
        },
        Request::Commit { of: 4 },
        Request::Abandon { of: 4 },
        Request::Directory {
            at: at(""),
            mode: 0o755,
            seen: 0,
        },
        Request::Link {
            at: at("l\u{fc}"),
            to: b"../elsewhere".to_vec(),
            seen: 1,
        },
        Request::Remove {
            at: at("x"),
            seen: 2,
        },
        Request::Restart {
            signal: 15,
            grace: 10_000,
        },
        Request::Signal { signal: -1 },
        Request::Tree {
            at: at("x"),
            skip: vec![b"node_modules".to_vec(), b"a/b".to_vec()],
            hash: true,
        },
        Request::Read {
            at: at("x"),
            most: 9,
        },
        Request::Watch { root: 3 },
        Request::LastSync { at: at("x") },
    ]
}

fn replies() -> Vec<Reply> {
    let entry = |kind| Reply::Entry {
        request: 5,
        entry: Entry {
            path: b"x/y".to_vec(),
            kind,
            mode: 0o4755,
            user: 1000,
            group: 1001,
        },
    };
    vec![
        Reply::Hello {
            build: BUILD.to_owned(),
            user: 0,
            group: 0,
            service: 7,
        },
        Reply::Done { through: 9 },
        Reply::Failed {
            request: 1,
            errno: 13,
            what: "cannot write".to_owned(),
        },
        Reply::Kept { request: 2 },
        Reply::Restarted {
            request: 3,
            service: 44,
            stopped: 1,
            started: 2,
            killed: true,
        },
        entry(EntryKind::File {
            size: 3,
            hash: Some([7; 16]),
        }),
        entry(EntryKind::File {
            size: 3,
            hash: None,
        }),
        entry(EntryKind::Directory),
        entry(EntryKind::Link { to: b"/".to_vec() }),
        entry(EntryKind::Other),
        Reply::Content {
            request: 1,
            bytes: Vec::new(),
        },
        Reply::Changed { at: at("x") },
        Reply::Synced {
            request: 1,
            at: 2,
            took: 3,
        },
    ]
}

fn encoded(messages: &[impl Message]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut bytes = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(encoder.encode(message, &mut bytes), number as u64);
    }
    bytes
}

fn decoded<M: Message>(bytes: &[u8], cut: usize) -> Result<Vec<M>, FrameError> {
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    for piece in bytes.chunks(cut) {
        decoder.push(piece);
        while let Some((number, message)) = decoder.decode()? {
            assert_eq!(number, all.len() as u64);
            all.push(message);
        }
    }
    Ok(all)
}

#[test]
fn every_message_survives_the_round_trip_however_the_bytes_are_cut() {
    for cut in [1, 7, 4096, usize::MAX] {
        assert_eq!(decoded(&encoded(&requests()), cut), Ok(requests()));
        assert_eq!(decoded(&encoded(&replies()), cut), Ok(replies()));
    }
}

#[test]
fn a_frame_that_is_missing_or_doubled_breaks_the_stream() {
    let one = encoded(&[Request::Signal { signal: 1 }]);
    let twice = [one.clone(), one].concat();
    let error = decoded::<Request>(&twice, usize::MAX).unwrap_err();
    assert_eq!(
        error,
        FrameError::Sequence {
            expected: 1,
            found: 0
        }
    );
    let whole = encoded(&requests());
    let first = u32::from_le_bytes(*whole.first_chunk().unwrap()) as usize + 4;
    assert!(matches!(
        decoded::<Request>(&whole[first..], usize::MAX),
        Err(FrameError::Sequence { .. })
    ));
}

#[test]
fn no_path_can_name_a_place_outside_its_root() {
    let escapes = [
        "..",
        "a/../../b",
        "/etc/passwd",
        "a//b",
        "a/",
        "./a",
        "a\0b",
    ];
    for path in escapes {
        let bytes = encoded(&[Request::Remove {
            at: at(path),
            seen: 0,
        }]);
        let error = decoded::<Request>(&bytes, usize::MAX).unwrap_err();
        assert_eq!(error, FrameError::Path, "{path:?}");
    }
    for path in ["app", "/a/../b", ""] {
        let bytes = encoded(&[Request::Root {
            number: 0,
            path: path.into(),
            owner: None,
        }]);
        assert!(decoded::<Request>(&bytes, usize::MAX).is_err(), "{path:?}");
    }
}

#[test]
fn a_length_out_of_bounds_is_refused_before_anything_is_kept() {
    for length in [0u32, 8, MOST as u32 + 1, u32::MAX] {
        let mut decoder = Decoder::default();
        decoder.push(&length.to_le_bytes());
        let error = decoder.decode::<Request>().unwrap_err();
        assert_eq!(error, FrameError::Length(length as usize));
        assert_eq!(decoder.decode::<Request>(), Ok(None));
    }
}

#[test]
fn bytes_left_over_in_a_frame_and_kinds_that_are_not_known_are_errors() {
    let mut bytes = encoded(&[Request::Signal { signal: 1 }]);
    bytes.push(0);
    bytes[0] += 1;
    assert_eq!(
        decoded::<Request>(&bytes, usize::MAX),
        Err(FrameError::Fields(12))
    );
    bytes[4] = 99;
    assert_eq!(
        decoded::<Request>(&bytes, usize::MAX),
        Err(FrameError::Kind(99))
    );
}
