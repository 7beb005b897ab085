using Ptoy.Client.Rpc;
using Ptoy.Client.Workflows;
using Ptoy.Protocol;
using Ptoy.Protocol.Records;
using Ptoy.Protocol.Rpc;
using Ptoy.Services.Facade.Http;

namespace Ptoy.Services.Facade;

/// <summary>Writes into patients' vaults with the hospital's account.</summary>
internal sealed class VaultWriter(NodeConnection node, Func<Address, CancellationToken, Task<byte[]?>> tagKeys) : IVaultWriter, IDisposable
{
    private readonly TransactionSender _sender = new(node);

    public async Task<string?> TagAsync(Address patient, string compartment, CancellationToken cancellation)
    {
        try
        {
            return await tagKeys(patient, cancellation) is { } key ? Compartments.Tag(key, compartment).ToString() : null;
        }
        catch (RpcException e) when (e.Code == RpcErrors.Denied)
        {
            return null;
        }
        catch (Exception e) when (e is RpcConnectionException or TimeoutException)
        {
            throw new FhirException(503, "transient", "the node is away; try again");
        }
    }

    public async Task<string> WriteAsync(Address patient, string tag, ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        try
        {
            IReadOnlyList<WrittenManifest> written = await new RecordWriter(_sender)
                .WriteToPatientAsync(patient, [new RecordToWrite(bytes, Hash.Parse(tag))], node.Key.Address, cancellation);
            return written[0].RecordIds[0].ToString();
        }
        catch (TransactionFailedException e)
        {
            throw FhirException.Denied(e.Message);
        }
        catch (RpcException e) when (e.Code == RpcErrors.OverQuota)
        {
            throw new FhirException(507, "throttled", "the patient's storage is full");
        }
        catch (Exception e) when (e is RpcConnectionException or TransactionLostException or TimeoutException)
        {
            throw new FhirException(503, "transient",
                "the node is away; the resource was not written as far as is known: look before you try again");
        }
    }

    public void Dispose() => _sender.Dispose();
}
