using Ptoy.Protocol.Wire;

namespace Ptoy.Protocol.Tests.Wire;

/// <summary>One wire type with a valid value of it, so that tests can treat all types alike.</summary>
public abstract record WireCase(Type Type)
{
    internal static WireCase Of<T>(T value) where T : class, IWire => new Case<T>(value);

    internal abstract byte[] Bytes { get; }

    internal abstract string? Problem { get; }

    /// <summary>The encoding of what the bytes decode to. Throws <see cref="WireException"/>, or whatever the decoder lets through.</summary>
    internal abstract byte[] Reencode(byte[] bytes);

    public override string ToString() => Type.FullName!["Ptoy.Protocol.".Length..];

    private sealed record Case<T>(T Value) : WireCase(typeof(T)) where T : class, IWire
    {
        internal override byte[] Bytes => Codec.Encode(Value);

        internal override string? Problem => Value.Problem();

        internal override byte[] Reencode(byte[] bytes) => Codec.Encode(Codec.Decode<T>(bytes, 1 << 20));

        public override string ToString() => base.ToString();
    }
}
