using System.Text;
using System.Text.Json;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;


namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>Reads resources with the strict R4 parser: unknown elements, wrong types and missing required elements throw.</summary>
internal static class FhirResources
{
    private static readonly JsonSerializerOptions Options = new JsonSerializerOptions().ForFhir(ModelInfo.ModelInspector).UsingMode(
        DeserializationMode.Strict);

    public static Resource Parse(byte[] bytes) => JsonSerializer.Deserialize<Resource>(bytes, Options)!;

    public static T Parse<T>(byte[] bytes) where T : Resource => (T)Parse(bytes);
}
