using Ptoy.Services.Connector.Back;
using Ptoy.Services.Connector.Fhir;
using Ptoy.Services.Connector.Hl7;
using Ptoy.Services.Connector.Imaging;
using Ptoy.Services.Facade;
using Ptoy.Services.Hosting;

namespace Ptoy.Services.Connector;

/// <summary>The parts of <c>ptoy connector run</c>, in the order in which they are made: what a later one needs, an earlier one offers.</summary>
public static class ConnectorParts
{
    /// <summary>All of them. An owner of a part adds its line here.</summary>
    public static PartCatalogue Catalogue() => new PartCatalogue()
        .Add("hospital", HospitalOptions.Summary, HospitalOptions.Example, HospitalPart.MakeAsync)
        .Add("folder", FolderOptions.Summary, FolderOptions.Example, FolderPart.MakeAsync)
        .Add("rest", RestIntakeOptions.Summary, RestIntakeOptions.Example, RestIntakePart.MakeAsync)
        .Add("mllp", Hl7Options.Summary, Hl7Options.Example, Hl7Part.MakeAsync)
        .Add("imaging", ImagingOptions.Summary, ImagingOptions.Example, ImagingPart.MakeAsync)
        .Add("back", BackOptions.Summary, BackOptions.Example, BackPart.MakeAsync)
        .Add("facade", FacadeOptions.Summary, FacadeOptions.Example, FacadePart.MakeAsync);
}
