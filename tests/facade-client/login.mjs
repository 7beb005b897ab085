// The real SMART client of the ecosystem (fhirclient) against a hospital's façade: login, reads, searches, and what happens without a grant.
// Talks to the play that started it by lines: APPROVE <link>, REVOKE; the play answers each with a line. The exit code tells whether all held.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const smart = require('fhirclient');
const fhirpath = require('fhirpath');
const r4 = require('fhirpath/fhir-context/r4');

const { ISS, CLIENT_ID, PORT } = process.env;
const redirect = `http://127.0.0.1:${PORT}/done`;
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = async (line) => {
  console.log(line);
  return (await answers.next()).value;
};
let failures = 0;
let accesses = 0;
const check = (what, holds) => {
  console.log(`${holds ? 'held' : 'FAILED'}: ${what}`);
  if (!holds) failures++;
};

const session = new Map();
const storage = {
  get: async (key) => session.get(key),
  set: async (key, value) => { session.set(key, value); return value; },
  unset: async (key) => session.delete(key),
};

// The app's own server: /launch sends the person to the hospital, /done takes the code.
const finished = new Promise((resolve, reject) => {
  const server = createServer(async (request, response) => {
    try {
      request.url = request.url ?? '/';
      const own = smart(request, response, storage);
      if (request.url.startsWith('/launch')) {
        await own.authorize({ iss: ISS, clientId: CLIENT_ID, scope: 'patient/*.rs launch/patient offline_access', redirectUri: redirect, pkceMode: 'required' });
      } else if (request.url.startsWith('/done')) {
        const client = await own.ready();
        response.end('ready');
        resolve({ client, server });
      } else {
        response.statusCode = 404;
        response.end();
      }
    } catch (error) {
      response.statusCode = 500;
      response.end();
      reject(error);
    }
  }).listen(Number(PORT), '127.0.0.1');
});

async function login() {
  const launch = await fetch(`http://127.0.0.1:${PORT}/launch`, { redirect: 'manual' });
  const authorize = launch.headers.get('location');
  check('fhirclient sends the person to the authorization endpoint with PKCE', authorize?.includes('code_challenge_method=S256') === true);
  const waiting = await (await fetch(authorize, { headers: { accept: 'application/json' } })).json();
  await tell(`APPROVE ${waiting.approve}`);
  const { redirect: back } = await (await fetch(waiting.session)).json();
  check('the approval sends the browser back with a code', back?.startsWith(redirect) === true);
  await fetch(back, { headers: { cookie: launch.headers.getSetCookie().map((c) => c.split(';')[0]).join('; ') } });
  return finished;
}

/** What an expression selects on every resource, as the ids of those where it holds. */
const byPath = (resources, type, expression) => resources
  .filter((r) => r.resourceType === type && fhirpath.evaluate(r, expression, null, r4).some((v) => v === true || (typeof v === 'object' && v !== null)))
  .map((r) => r.id).sort();

const queries = [
  ['Observation?status=final', "Observation.status = 'final'"],
  ['Observation?code=http://loinc.org|8867-4', "Observation.code.coding.where(system = 'http://loinc.org' and code = '8867-4').exists()"],
  ['Observation?code:not=8867-4', "Observation.code.coding.where(code = '8867-4').exists().not()"],
  ['Observation?value-quantity=gt100', 'Observation.value.ofType(Quantity).value > 100'],
  ['Observation?value-quantity=le50', 'Observation.value.ofType(Quantity).value <= 50'],
  ['Observation?component-code=8480-6', "Observation.component.code.coding.where(code = '8480-6').exists()"],
  ['Observation?encounter:missing=true', 'Observation.encounter.exists().not()'],
  ['Observation?date=ge2014-01-01', "(Observation.effective as dateTime) >= @2014-01-01T00:00:00Z"],
  ['Observation?date=lt2013-01-01', "(Observation.effective as dateTime) < @2013-01-01T00:00:00Z"],
  ['Condition?clinical-status=active', "Condition.clinicalStatus.coding.where(code = 'active').exists()"],
  ['Condition?onset-date=lt2014', "(Condition.onset as dateTime) < @2014-01-01T00:00:00Z"],
  ['Encounter?class=AMB', "Encounter.class.code = 'AMB'"],
  ['Encounter?status=finished', "Encounter.status = 'finished'"],
  ['MedicationRequest?intent=order', "MedicationRequest.intent = 'order'"],
  ['MedicationRequest?authoredon=gt2013-06', "MedicationRequest.authoredOn >= @2013-07-01T00:00:00Z"],
  ['AllergyIntolerance?date=2015', "AllergyIntolerance.recordedDate >= @2015-01-01 and AllergyIntolerance.recordedDate <= @2015-12-31"],
  ['Immunization?status=completed', "Immunization.status = 'completed'"],
  ['Patient?gender=female,male', "Patient.gender = 'female' or Patient.gender = 'male'"],
  ['Patient?phone:missing=false', "Patient.telecom.where(system = 'phone').exists()"],
  ['Claim?status=active', "Claim.status = 'active'"],
  ['Claim?use=claim', "Claim.use = 'claim'"],
];

async function allOf(client, url) {
  const found = [];
  let page = await client.request(url);
  for (;;) {
    accesses++;
    found.push(...(page.entry ?? []).filter((e) => e.search.mode === 'match').map((e) => e.resource));
    const next = page.link.find((l) => l.relation === 'next');
    if (!next) return found;
    page = await client.request(next.url);
  }
}

async function statusOf(client, url) {
  try {
    await client.request(url);
    return { status: 200 };
  } catch (error) {
    // fhirclient puts the answer's JSON into the message.
    return { status: error.statusCode, isOutcome: error.message.includes('"resourceType": "OperationOutcome"') };
  }
}

const { client, server } = await login();
check('the token is for a patient', typeof client.patient.id === 'string');
const patient = await client.patient.read();
accesses++;
check('the patient is read', patient.resourceType === 'Patient' && patient.id === client.patient.id);
const everything = await allOf(client, `Patient/${client.patient.id}/$everything?_count=40`);
check(`$everything gives all (${everything.length} resources)`, everything.length > 20);
for (const [query, expression] of queries) {
  const [type] = query.split('?');
  const found = (await allOf(client, `${query}&_count=25`)).map((r) => r.id).sort();
  // The date rules of FHIR search and of FHIRPath part where precisions differ; the generated data has instants only, but for one observation.
  const expected = byPath(everything, type, expression);
  check(`${query} finds the ${expected.length} that fhirpath.js selects`, JSON.stringify(found) === JSON.stringify(expected));
}
const unknown = await statusOf(client, 'Observation/does-not-exist');
accesses++;
check('what is not there is 404 with an OperationOutcome', unknown.status === 404 && unknown.isOutcome);
console.log(`ACCESSES ${accesses}`);
await tell('REVOKE');
const denied = await statusOf(client, `Patient/${client.patient.id}`);
check('without the grant it is 403 with an OperationOutcome', denied.status === 403 && denied.isOutcome);
const ended = await fetch(`${ISS}/Patient/${client.patient.id}`, { headers: { authorization: `Bearer ${client.state.tokenResponse.access_token}` } });
check('and the token has ended', ended.status === 401);
server.close();
process.exit(failures === 0 ? 0 : 1);
