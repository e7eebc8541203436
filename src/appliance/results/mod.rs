//! Results with their patients, signed, on a medium of a person's: for sites without a network.
//!
//! ```text
//!  database --newest answer of each series--> OUT/results/<series>/report.json
//!  results/<uid>/ --objects, where there are--------------------> sr.dcm, seg.dcm, .., page.pdf
//!                                             OUT/index.csv, audit.csv
//!  all of it --SHA-256--> OUT/SHA256SUMS --key of the box--> SHA256SUMS.sig, signer.pem, VERIFY.txt
//! ```
//! The de-identified cohort for researchers is `export`'s; this one is for those who look after the patients.

pub mod signer;
mod table;

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use self::signer::{Signer, SignerError};
use self::table::{Index, Row, audit};
use crate::db::audit::AuditEvent;
use crate::db::cases::StoredCase;
use crate::dicom::attributes::PatientStudy;
use crate::dicom::encapsulated_pdf::read_encapsulated_pdf;
use crate::dicom::result_objects::{FILE_NAMES, PAGE_FILE, SERIAL_NUMBER, folder_name};
use crate::disk;
use crate::error::{Dispose, Disposition};
use crate::worker::objects;

/// How to check what was written, with commands that any Linux machine has.
const VERIFY: &str = "\
This folder holds results of patients. Give it only to those who look after them.

Check, in this folder, that nothing was changed since the box wrote it:

  openssl dgst -sha256 -verify signer.pem -signature SHA256SUMS.sig SHA256SUMS
  sha256sum --check --strict SHA256SUMS

Both must say OK. Keep the signer.pem of the first folder that you got from the box yourself, and check later ones with
that one: whoever can change this folder can change the signer.pem in it, too. SHA-256 of the box's public key:

";

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// Something cannot be read.
    #[error("could not read `{path}`")]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something cannot be written.
    #[error("could not write `{path}`; is the medium full, or was it pulled out?")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A table cannot be made.
    #[error("could not make a table")]
    Table(#[from] csv::Error),
    /// A report cannot be written as JSON.
    #[error("could not write a report as JSON")]
    Report(#[from] serde_json::Error),
    /// It cannot be signed.
    #[error("the results cannot be signed")]
    Sign(#[from] SignerError),
}

impl Dispose for ResultsError {
    fn disposition(&self) -> Disposition {
        match self {
            Self::Read { .. } | Self::Write { .. } => Disposition::Retry,
            Self::Table(_) | Self::Report(_) => Disposition::Fatal,
            Self::Sign(source) => source.disposition(),
        }
    }
}

/// Where results are, and where they go.
#[derive(Debug)]
pub struct ResultsExport<'a> {
    spool: &'a Path,
    results: &'a Path,
    out: &'a Path,
    index: Index,
    sums: Vec<String>,
    n_results: usize,
}

impl<'a> ResultsExport<'a> {
    /// Into the folder `out`, which is there and empty. `spool` is the folder that instances' paths start from, `results`
    /// that of the results' objects.
    ///
    /// # Errors
    /// When a table cannot be begun.
    pub fn new(spool: &'a Path, results: &'a Path, out: &'a Path) -> Result<Self, ResultsError> {
        let index = Index::new()?;
        Ok(Self { spool, results, out, index, sums: Vec::new(), n_results: 0 })
    }

    /// Writes one result with its objects.
    ///
    /// # Errors
    /// When something cannot be read or written.
    pub fn add(&mut self, case: &StoredCase) -> Result<(), ResultsError> {
        let folder = format!("results/{}", case.series);
        let path = self.out.join(&folder);
        fs::create_dir_all(&path).map_err(|source| ResultsError::Write { path, source })?;
        let report = serde_json::to_string_pretty(&case.report)? + "\n";
        self.write(&format!("{folder}/report.json"), report.as_bytes())?;
        let read = |it: &crate::dicom::received::ReceivedInstance| {
            PatientStudy::read(&self.spool.join(&it.path)).ok()
        };
        let patient = case.instances.iter().find_map(read).unwrap_or_default();
        let source = objects::source(&patient, &case.instances);
        let objects = self.results.join(folder_name(&case.report, &source, SERIAL_NUMBER));
        for name in FILE_NAMES {
            self.copy(&objects.join(name), &format!("{folder}/{name}"))?;
        }
        // The page for those who have no viewer of DICOM.
        if let Some(pdf) = read_encapsulated_pdf(&objects.join(PAGE_FILE)) {
            self.write(&format!("{folder}/page.pdf"), &pdf)?;
        }
        self.index.add(&Row { folder, case, patient: &patient })?;
        self.n_results += 1;
        Ok(())
    }

    /// Writes the tables, sums and signature; says how many results there are.
    ///
    /// # Errors
    /// When something cannot be written or signed.
    pub fn finish(mut self, events: &[AuditEvent], signer: &Signer) -> Result<usize, ResultsError> {
        let index = std::mem::replace(&mut self.index, Index::new()?).finish()?;
        self.write("index.csv", &index)?;
        self.write("audit.csv", &audit(events)?)?;
        let verify = format!("{VERIFY}  {}\n", signer.fingerprint());
        self.write("VERIFY.txt", verify.as_bytes())?;
        self.write("signer.pem", signer.public_pem().as_bytes())?;
        self.sums.sort_unstable_by(|a, b| a[64..].cmp(&b[64..]));
        let sums = self.sums.concat();
        let signature = signer.sign(sums.as_bytes())?;
        self.write("SHA256SUMS", sums.as_bytes())?;
        self.write("SHA256SUMS.sig", &signature)?;
        disk::sync(self.out)
            .map_err(|source| ResultsError::Write { path: self.out.to_owned(), source })?;
        Ok(self.n_results)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), ResultsError> {
        let path = self.out.join(name);
        let written = File::create_new(&path).and_then(|mut file| file.write_all(bytes));
        written.map_err(|source| ResultsError::Write { path, source })?;
        self.sums.push(format!("{:x}  {name}\n", Sha256::digest(bytes)));
        Ok(())
    }

    /// A file that there may be.
    fn copy(&mut self, from: &Path, name: &str) -> Result<(), ResultsError> {
        let read = |source| ResultsError::Read { path: from.to_owned(), source };
        let mut file = match File::open(from) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(read(error)),
        };
        // Objects are a small part of their series, which is bounded.
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(read)?;
        self.write(name, &bytes)
    }
}
