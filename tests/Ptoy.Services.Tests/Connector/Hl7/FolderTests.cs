using System.Text;
using Hl7.Fhir.Model;
using Hl7.Fhir.Serialization;
using NUnit.Framework;
using Ptoy.Protocol.Records;
using Ptoy.Services.Connector;
using Ptoy.Services.Connector.Hl7.Mapping;
using Ptoy.Services.Connector.Hl7.Parsing;

namespace Ptoy.Services.Tests.Connector.Hl7;

/// <summary>Messages of others, where there are any: PTOY_HL7V2 names their folder.</summary>
public sealed class FolderTests
{
    [Test]
    public void Every_message_is_taken_and_becomes_valid_FHIR()
    {
        string? folder = Messages.Folder();
        if (folder is null) Assert.Ignore("PTOY_HL7V2 names no folder of messages");
        var problems = new List<string>();
        var mapper = new MessageMapper(Messages.Settings);
        foreach (string file in Directory.GetFiles(folder!, "*.hl7").Order())
        {
            byte[] bytes = File.ReadAllBytes(file);
            string name = Path.GetFileName(file);
            Hl7Message message = Hl7Parser.Parse(bytes);
            if (Messages.Rules.Check(message) is { } refused) problems.Add($"{name}: {refused}");
            else foreach (MappedPatient patient in mapper.Map(message, bytes, (_, _) => null)) problems.AddRange(
                patient.Resources.SelectMany(Problems).Select(p => $"{name}: {p}"));
        }
        Assert.That(problems, Is.Empty, string.Join('\n', problems.Distinct().Take(40)));
    }

    internal static IEnumerable<string> Problems(MappedResource resource)
    {
        if (resource.Type == IntakeTypes.Hl7v2) yield break;
        if (FhirScan.CompartmentOf(resource.Bytes) != resource.Compartment)
            yield return $"{resource.Type}: not the compartment that its bytes say";
        string? problem = null;
        try
        {
            Resource parsed = FhirResources.Parse(resource.Bytes);
            if (parsed.TypeName != resource.Type || parsed.Id != resource.Id) problem = "type or id differ";
        }
        catch (DeserializationFailedException e)
        {
            problem = string.Join("; ", e.Exceptions.Select(x => x.Message));
        }
        if (problem is not null)
            yield return $"{resource.Type}: {problem}\n   {Encoding.UTF8.GetString(resource.Bytes)[..Math.Min(600, resource.Bytes.Length)]}";
    }
}
