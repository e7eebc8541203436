//! All that a peer can send on one connection, from the association request on.
//!
//! Bytes changed at random seldom get past the first length. Most changes therefore leave lengths true: they
//! are of what a PDU or its one PDV holds, or of the order of PDUs.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// Type, a reserved byte, length (PS3.8 9.3.1).
const HEAD_BYTES: usize = 6;
const P_DATA_TF: u8 = 4;
/// Length, context, control (PS3.8 9.3.5.1).
const PDV_HEAD_BYTES: usize = 6;
/// What a body may grow by in one change.
const GROWTH_BYTES: usize = 64;

struct Pdu {
    pdu_type: u8,
    body: Vec<u8>,
}

fn split(mut bytes: &[u8]) -> Vec<Pdu> {
    let mut pdus = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() {
        let length = u32::from_be_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let (body, rest) = rest.split_at(length.min(rest.len()));
        pdus.push(Pdu { pdu_type: head[0], body: body.to_vec() });
        bytes = rest;
    }
    pdus
}

fn join(pdus: &[Pdu]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Pdu { pdu_type, body } in pdus {
        bytes.extend([*pdu_type, 0]);
        bytes.extend((body.len() as u32).to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

impl Pdu {
    fn mutate(&mut self, is_of_pdv: bool) {
        let fixed = if is_of_pdv && self.pdu_type == P_DATA_TF && self.body.len() > PDV_HEAD_BYTES {
            PDV_HEAD_BYTES
        } else {
            0
        };
        let size = self.body.len() - fixed;
        self.body.resize(fixed + size + GROWTH_BYTES, 0);
        let grown = fuzzer_mutate(&mut self.body[fixed..], size, size + GROWTH_BYTES);
        self.body.truncate(fixed + grown);
        if fixed > 0 {
            let length = (self.body.len() - 4) as u32;
            self.body[..4].copy_from_slice(&length.to_be_bytes());
        }
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut pdus = split(&data[..size]);
    let (what, which) = (seed % 16, seed as usize / 16);
    if pdus.is_empty() || what < 2 {
        return fuzzer_mutate(data, size, max_size);
    }
    let (at, other) = (which % pdus.len(), which / pdus.len() % pdus.len());
    match what {
        2 => {
            pdus.remove(at);
        }
        3 => {
            let copy = Pdu { pdu_type: pdus[other].pdu_type, body: pdus[other].body.clone() };
            pdus.insert(at, copy);
        }
        4 => pdus.swap(at, other),
        5 => pdus[at].pdu_type = (which % 9) as u8,
        _ => pdus[at].mutate(what % 4 != 0),
    }
    let bytes = join(&pdus);
    let size = bytes.len().min(max_size);
    data[..size].copy_from_slice(&bytes[..size]);
    size
});

fuzz_target!(|bytes: &[u8]| parotidd::fuzzing::association(bytes));
