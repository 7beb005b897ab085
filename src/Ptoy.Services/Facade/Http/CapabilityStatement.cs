using System.Text.Json;
using Ptoy.Services.Facade.Search;

namespace Ptoy.Services.Facade.Http;

/// <summary>The CapabilityStatement and the SMART configuration: what this server does, made from what it has.</summary>
internal static class CapabilityStatement
{
    private static readonly string[] Interactions = ["read", "vread", "history-instance", "search-type"];

    public static byte[] Make(FacadeCore core)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream)) Write(writer, core);
        return stream.ToArray();
    }

    public static byte[] SmartConfiguration(string url) => JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>
    {
        ["issuer"] = url,
        ["authorization_endpoint"] = url + "/auth/authorize",
        ["token_endpoint"] = url + "/auth/token",
        ["revocation_endpoint"] = url + "/auth/revoke",
        ["introspection_endpoint"] = url + "/auth/introspect",
        ["token_endpoint_auth_methods_supported"] = new[] { "client_secret_basic", "client_secret_post", "private_key_jwt" },
        ["token_endpoint_auth_signing_alg_values_supported"] = new[] { "RS384", "ES384" },
        ["grant_types_supported"] = new[] { "authorization_code", "refresh_token", "client_credentials" },
        ["response_types_supported"] = new[] { "code" },
        ["code_challenge_methods_supported"] = new[] { "S256" },
        ["scopes_supported"] = new[] { "patient/*.cruds", "user/*.cruds", "system/*.rs", "launch/patient", "offline_access",
            "online_access" },
        ["capabilities"] = new[]
        {
            "launch-standalone", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
                "context-standalone-patient",
            "permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2",
                "authorize-post",
        },
    });

    private static void Write(Utf8JsonWriter writer, FacadeCore core)
    {
        writer.WriteStartObject();
        writer.WriteString("resourceType", "CapabilityStatement");
        writer.WriteString("status", "active");
        writer.WriteString("date", ResourceMeta.Instant(core.Time.GetUtcNow()));
        writer.WriteString("kind", "instance");
        writer.WriteStartObject("software");
        writer.WriteString("name", "PTOYMatrix connector");
        writer.WriteString("version", typeof(CapabilityStatement).Assembly.GetName().Version?.ToString(3) ?? "0");
        writer.WriteEndObject();
        writer.WriteStartObject("implementation");
        writer.WriteString("description", "FHIR façade of a hospital: what patients let it, and the asking app, see");
        writer.WriteString("url", core.Base);
        writer.WriteEndObject();
        writer.WriteString("fhirVersion", "4.0.1");
        Strings(writer, "format", ["application/fhir+json", "json"]);
        Strings(writer, "instantiates", ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]);
        writer.WriteStartArray("rest");
        writer.WriteStartObject();
        writer.WriteString("mode", "server");
        WriteSecurity(writer, core.Base);
        writer.WriteStartArray("resource");
        foreach (string type in SearchParameters.Types) WriteResource(writer, core, type);
        writer.WriteEndArray();
        WriteOperations(writer, [("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export")]);
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteSecurity(Utf8JsonWriter writer, string url)
    {
        writer.WriteStartObject("security");
        writer.WriteStartArray("extension");
        writer.WriteStartObject();
        writer.WriteString("url", "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris");
        writer.WriteStartArray("extension");
        foreach ((string name, string path) in new[] { ("authorize", "authorize"), ("token", "token"), ("revoke", "revoke"),
            ("introspect", "introspect") })
        {
            writer.WriteStartObject();
            writer.WriteString("url", name);
            writer.WriteString("valueUri", $"{url}/auth/{path}");
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteStartArray("service");
        writer.WriteStartObject();
        writer.WriteStartArray("coding");
        writer.WriteStartObject();
        writer.WriteString("system", "http://terminology.hl7.org/CodeSystem/restful-security-service");
        writer.WriteString("code", "SMART-on-FHIR");
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteResource(Utf8JsonWriter writer, FacadeCore core, string type)
    {
        writer.WriteStartObject();
        writer.WriteString("type", type);
        writer.WriteStartArray("interaction");
        foreach (string code in core.Writer is null ? Interactions : [.. Interactions, "create"])
        {
            writer.WriteStartObject();
            writer.WriteString("code", code);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteString("versioning", "versioned");
        writer.WriteBoolean("readHistory", true);
        writer.WriteString("conditionalRead", "full-support");
        SearchParameter[] parameters = [.. SearchParameters.Of(type).Values.OrderBy(p => p.Name, StringComparer.Ordinal)];
        string[] references = [.. parameters.Where(p => p.Kind == ParameterKind.Reference).Select(p => $"{type}:{p.Name}")];
        if (references.Length > 0) Strings(writer, "searchInclude", references);
        writer.WriteStartArray("searchParam");
        WriteParameter(writer, "_id", "token", "http://hl7.org/fhir/SearchParameter/Resource-id");
        WriteParameter(writer, "_lastUpdated", "date", "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated");
        foreach (SearchParameter parameter in parameters) WriteParameter(writer, parameter.Name,
            parameter.Kind.ToString().ToLowerInvariant(), parameter.Definition);
        writer.WriteEndArray();
        if (type == "Patient")
            WriteOperations(writer, [("everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
                ("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export")]);
        if (type == "Group") WriteOperations(writer, [("export", "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export")]);
        writer.WriteEndObject();
    }

    private static void WriteParameter(Utf8JsonWriter writer, string name, string type, string definition)
    {
        writer.WriteStartObject();
        writer.WriteString("name", name);
        if (definition.Length > 0) writer.WriteString("definition", definition);
        writer.WriteString("type", type);
        writer.WriteEndObject();
    }

    private static void WriteOperations(Utf8JsonWriter writer, (string Name, string Definition)[] operations)
    {
        writer.WriteStartArray("operation");
        foreach ((string name, string definition) in operations)
        {
            writer.WriteStartObject();
            writer.WriteString("name", name);
            writer.WriteString("definition", definition);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }

    private static void Strings(Utf8JsonWriter writer, string name, IEnumerable<string> values)
    {
        writer.WriteStartArray(name);
        foreach (string value in values) writer.WriteStringValue(value);
        writer.WriteEndArray();
    }
}
