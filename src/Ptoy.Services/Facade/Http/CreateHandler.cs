using System.Text.Json;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;
using Ptoy.Protocol.Records;
using Ptoy.Services.Facade.Index;
using Ptoy.Services.Facade.Search;

namespace Ptoy.Services.Facade.Http;

/// <summary>create: a new resource, sealed into the patient's vault by the hospital's account when patient, app and scopes permit
/// writing.</summary>
internal sealed class CreateHandler(RequestContext context)
{
    private const int MaxBody = 1024 * 1024;
    private static readonly JsonSerializerOptions Strict = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector)
        .UsingMode(DeserializationMode.Strict);

    public async System.Threading.Tasks.Task CreateAsync(string type)
    {
        FacadeCore core = context.Core;
        if (!context.Grant.Covers(type,
            'c')) throw FhirException.NoScope($"{(context.Grant.Patient is null ? "user" : "patient")}/{type}.c");
        if (core.Writer is not { } writer) throw FhirException.NotSupported("this façade does not write");
        if (context.Http.Request.Headers.ContainsKey("If-None-Exist"))
            throw FhirException.NotSupported("If-None-Exist: conditional create is not supported");
        if (context.Query().Any(p => p.Name != "_format")) throw FhirException.NotSupported("a create has no parameters");
        byte[] body = await BodyAsync();
        PatientShelf shelf = Check(type, body);
        string id = Guid.NewGuid().ToString();
        byte[] bytes = ResourceMeta.WithId(body, id);
        string compartment = FhirScan.CompartmentOf(bytes);
        string tag = await writer.TagAsync(shelf.Patient, compartment, context.Cancellation)
            ?? throw FhirException.Denied("the patient does not permit this hospital to write");
        GatePermits permits = await core.Gate.PermitsAsync(context.Grant.Asker, shelf.Patient, [], "write", [tag], context.Cancellation);
        if (!permits.Tags.Contains(tag))
            throw FhirException.Denied("the patient does not permit the app and this hospital to write records of this kind");
        string record = await writer.WriteAsync(shelf.Patient, tag, bytes, context.Cancellation);
        DateTimeOffset now = core.Time.GetUtcNow();
        var resource = new IndexedResource(record, type, id, compartment, bytes, ulong.MaxValue,
            DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()));
        core.Library.Add(shelf.Patient, resource);
        await AnswerAsync(resource);
    }

    private async System.Threading.Tasks.Task<byte[]> BodyAsync()
    {
        string type = context.Http.Request.ContentType ?? "";
        if (!type.Contains("json", StringComparison.OrdinalIgnoreCase)) throw new FhirException(415, "not-supported",
            "the body is to be application/fhir+json");
        return await RequestContext.BodyAsync(context.Http, MaxBody, context.Cancellation);
    }

    /// <summary>That it is a valid resource of the type, and whose it is.</summary>
    private PatientShelf Check(string type, byte[] body)
    {
        try
        {
            using JsonDocument json = JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 64 });
            if (json.RootElement.ValueKind != JsonValueKind.Object || !json.RootElement.TryGetProperty("resourceType",
                out JsonElement named) || named.GetString() != type)
                throw FhirException.BadRequest($"resourceType: not {type}, as the URL says");
            Resource parsed = JsonSerializer.Deserialize<Resource>(body, Strict)!;
            if (parsed.TypeName != type) throw FhirException.BadRequest($"resourceType: not {type}, as the URL says");
            return Owner(type, json.RootElement);
        }
        catch (JsonException e)
        {
            throw FhirException.BadRequest($"not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine}");
        }
        catch (DeserializationFailedException e)
        {
            // Codes and places only: the texts quote what was sent.
            string[] problems = [.. e.Exceptions.Take(5).Select(x => x is Hl7.Fhir.Utility.CodedException coded ? coded.ErrorCode
                : x.GetType().Name)];
            throw new FhirException(422, "structure", $"not a valid {type}: {string.Join(", ", problems)}");
        }
    }

    private PatientShelf Owner(string type, JsonElement resource)
    {
        string[] patients = [.. Patients(type, resource)];
        if (context.Grant.Patient is not null)
        {
            PatientShelf own = context.Core.ShelfOf(context.Grant);
            return patients.All(p => own.FindCurrent("Patient", p) >= 0) ? own
                : throw FhirException.BadRequest("the resource is about another patient than the token");
        }
        if (patients.Length != 1)
            throw FhirException.BadRequest("the resource does not refer to exactly one Patient, so nobody could let it be written");
        IReadOnlyList<Hit> found = context.Core.Index.Find("Patient", patients[0]);
        return found.Count == 1 ? found[0].Shelf
            : throw FhirException.BadRequest("the Patient that the resource refers to is not known here");
    }

    private static IEnumerable<string> Patients(string type, JsonElement resource)
    {
        var selected = new List<Selected>();
        if (SearchParameters.Find(type, "patient") is { } parameter) foreach (PathExpression path in parameter.Paths) path.Select(resource,
            selected);
        return selected
            .Select(s => s.Value.ValueKind == JsonValueKind.Object && s.Value.TryGetProperty("reference", out JsonElement text)
                ? text.GetString() : null)
            .Where(t => t is not null).Select(t => ReferenceText.Parse(t!)).Where(r => r is not null
                && r.Value.Type is "Patient" or "").Select(r => r!.Value.Id).Distinct();
    }

    private async System.Threading.Tasks.Task AnswerAsync(IndexedResource resource)
    {
        string version = resource.RecordId.Length > 16 ? resource.RecordId[..16] : resource.RecordId;
        HttpResponse response = context.Http.Response;
        response.StatusCode = StatusCodes.Status201Created;
        response.Headers.Location = $"{context.Core.Base}/{resource.Type}/{resource.Id}/_history/{version}";
        response.Headers.ETag = $"W/\"{version}\"";
        response.GetTypedHeaders().LastModified = resource.Time;
        response.ContentType = Outcomes.FhirJson;
        if (context.Http.Request.Headers["Prefer"].Any(p => p?.Contains("return=minimal", StringComparison.Ordinal) == true)) return;
        byte[] body = ResourceMeta.Apply(resource.Bytes.Span, version, resource.Time);
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, context.Cancellation);
    }
}
