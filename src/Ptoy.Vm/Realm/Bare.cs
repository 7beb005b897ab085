using Jint;
using Jint.Native;
using Jint.Native.Object;

namespace Ptoy.Vm.Realm;

/// <summary>
/// Takes every global out of a realm. Rewritten programs name none, so this is the second wall: should a name slip past the
/// verifier, it finds nothing. The prototypes stay, as the interpreter needs them; programs never see them (see
/// <see cref="Members"/>).
/// </summary>
internal static class Bare
{
    private static readonly JsValue[] Globals = Find();

    public static void Strip(Engine engine)
    {
        ObjectInstance global = engine.Global;
        foreach (JsValue name in Globals) global.RemoveOwnProperty(name);
    }

    private static JsValue[] Find()
    {
        using var engine = new Engine();
        return [.. engine.Global.GetOwnPropertyKeys()];
    }
}
