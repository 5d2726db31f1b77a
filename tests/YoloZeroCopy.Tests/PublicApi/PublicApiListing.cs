using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace YoloZeroCopy.Tests;

/// <summary>Lists what users of an assembly can see, one type or member a line, sorted, close to how C# declares it.</summary>
/// <remarks>Left out is what follows from the rest: the members a record generates, the storage of enums, overrides and delegates' machinery.</remarks>
internal static class PublicApiListing
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static string[] Of(Assembly assembly)
    {
        List<string> lines = [];
        foreach (Type type in assembly.GetExportedTypes())
        {
            string name = FullName(type);
            lines.Add($"{name} : {Kind(type)}{Bases(type)}");
            if (!typeof(Delegate).IsAssignableFrom(type))
            {
                lines.AddRange(type.GetMembers(Declared).Select(member => Line(type, member)).OfType<string>().Select(line => $"{name} > {line}"));
            }
        }

        lines.Sort(StringComparer.Ordinal);
        return [.. lines];
    }

    private static string? Line(Type type, MemberInfo member) => member switch
    {
        FieldInfo { IsSpecialName: true } => null,
        FieldInfo field when type.IsEnum => $"{field.Name} = {Convert.ToInt64(field.GetRawConstantValue(), CultureInfo.InvariantCulture)}",
        FieldInfo field when IsVisible(field.IsPublic, field.IsFamily, field.IsFamilyOrAssembly) =>
            $"{Access(field.IsPublic)}{FieldModifiers(field)}{NameOf(new NullabilityInfoContext().Create(field))} {field.Name}{Constant(field)}",
        PropertyInfo property => Property(property),
        EventInfo @event when Visible(@event.AddMethod!) =>
            $"{Access(@event.AddMethod!.IsPublic)}{Modifiers(@event.AddMethod)}event {NameOf(new NullabilityInfoContext().Create(@event))} {@event.Name}",
        ConstructorInfo { IsStatic: false } constructor when Visible(constructor) && !IsGenerated(constructor) =>
            $"{Access(constructor.IsPublic)}{Simple(type)}({Parameters(constructor)})",
        MethodInfo method when Visible(method) && !IsGenerated(method) && !IsAccessor(method) && !IsOverride(method) => Method(method),
        _ => null,
    };

    private static string Method(MethodInfo method)
    {
        string generics = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(argument => argument.Name))}>" : string.Empty;
        string result = NameOf(new NullabilityInfoContext().Create(method.ReturnParameter));
        string reference = method.ReturnParameter.GetRequiredCustomModifiers().Length > 0 && method.ReturnType.IsByRef ? "readonly " : string.Empty;
        return $"{Access(method.IsPublic)}{Modifiers(method)}{(method.ReturnType.IsByRef ? "ref " : string.Empty)}{reference}{result} {method.Name}{generics}({Parameters(method)})";
    }

    private static string? Property(PropertyInfo property)
    {
        MethodInfo[] accessors = [.. property.GetAccessors(nonPublic: true).Where(Visible)];
        if (accessors.Length == 0 || IsGenerated(property) || accessors.All(IsOverride))
        {
            return null;
        }

        bool isPublic = accessors.Any(accessor => accessor.IsPublic);
        string required = property.IsDefined(typeof(RequiredMemberAttribute)) ? "required " : string.Empty;
        IEnumerable<string> words = accessors
            .OrderByDescending(accessor => accessor == property.GetMethod)
            .Select(accessor => (accessor.IsPublic == isPublic ? string.Empty : "protected ") + Word(property, accessor));
        string name = property.GetIndexParameters() is { Length: > 0 } index ? $"this[{string.Join(", ", index.Select(Parameter))}]" : property.Name;
        string type = NameOf(new NullabilityInfoContext().Create(property));
        return $"{Access(isPublic)}{required}{Modifiers(accessors[0])}{(property.PropertyType.IsByRef ? "ref " : string.Empty)}{type} {name} {{ {string.Join(" ", words)} }}";
    }

    private static string Word(PropertyInfo property, MethodInfo accessor) =>
        accessor == property.GetMethod ? "get;" : accessor.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? "init;" : "set;";

    private static string Parameters(MethodBase method)
    {
        string extension = method.IsDefined(typeof(ExtensionAttribute)) ? "this " : string.Empty;
        return extension + string.Join(", ", method.GetParameters().Select(Parameter));
    }

    private static string Parameter(ParameterInfo parameter)
    {
        string direction = !parameter.ParameterType.IsByRef ? string.Empty : parameter.IsOut ? "out " : parameter.IsIn ? "in " : "ref ";
        string many = parameter.IsDefined(typeof(ParamArrayAttribute)) ? "params " : string.Empty;
        string preset = parameter.HasDefaultValue ? $" = {Literal(parameter.RawDefaultValue, parameter.ParameterType)}" : string.Empty;
        return $"{many}{direction}{NameOf(new NullabilityInfoContext().Create(parameter))} {parameter.Name}{preset}";
    }

    private static string Constant(FieldInfo field) => field.IsLiteral ? $" = {Literal(field.GetRawConstantValue(), field.FieldType)}" : string.Empty;

    private static string Literal(object? value, Type type) => value switch
    {
        null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
        bool flag => flag ? "true" : "false",
        string text => $"\"{text}\"",
        _ when type.IsEnum => $"{Simple(type)}.{Enum.ToObject(type, value)}",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? string.Empty,
    };

    private static string Kind(Type type)
    {
        bool isRecord = type.GetMethod("<Clone>$") is not null || (type.GetMethod("PrintMembers", BindingFlags.Instance | BindingFlags.NonPublic) is { } print && IsGenerated(print));
        string record = isRecord ? "record " : string.Empty;
        return type switch
        {
            { IsEnum: true } => type.IsDefined(typeof(FlagsAttribute)) ? "flags enum" : "enum",
            { IsInterface: true } => "interface",
            _ when typeof(Delegate).IsAssignableFrom(type) => $"delegate {Method(type.GetMethod("Invoke")!)}",
            { IsValueType: true } => $"{(type.IsDefined(typeof(IsReadOnlyAttribute)) ? "readonly " : string.Empty)}{(type.IsByRefLike ? "ref " : string.Empty)}{record}struct",
            { IsAbstract: true, IsSealed: true } => "static class",
            _ => $"{(type.IsAbstract ? "abstract " : type.IsSealed ? "sealed " : string.Empty)}{record}class",
        };
    }

    private static string Bases(Type type)
    {
        if (type.IsEnum || typeof(Delegate).IsAssignableFrom(type))
        {
            return string.Empty;
        }

        IEnumerable<Type> inherited = type.BaseType?.GetInterfaces() ?? [];
        IEnumerable<string> names = type.GetInterfaces().Except(inherited)
            .Where(item => item.IsVisible && !(item.IsGenericType && item.GetGenericTypeDefinition() == typeof(IEquatable<>)))
            .Select(Simple).Order(StringComparer.Ordinal);
        if (type is { IsClass: true, BaseType: { } parent } && parent != typeof(object))
        {
            names = names.Prepend(Simple(parent));
        }

        return string.Concat(names.Select(name => $", {name}"));
    }

    private static bool IsVisible(bool isPublic, bool isFamily, bool isFamilyOrAssembly) => isPublic || isFamily || isFamilyOrAssembly;

    private static bool Visible(MethodBase method) => IsVisible(method.IsPublic, method.IsFamily, method.IsFamilyOrAssembly);

    private static bool IsGenerated(MemberInfo member) => member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false);

    private static bool IsAccessor(MethodInfo method) => method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static bool IsOverride(MethodInfo method) => method.GetBaseDefinition() != method && method.GetBaseDefinition().DeclaringType != method.DeclaringType;

    private static string Access(bool isPublic) => isPublic ? string.Empty : "protected ";

    private static string Modifiers(MethodInfo method) =>
        method.IsStatic ? "static " : method.DeclaringType!.IsInterface ? string.Empty : method.IsAbstract ? "abstract " : method is { IsVirtual: true, IsFinal: false } ? "virtual " : string.Empty;

    private static string FieldModifiers(FieldInfo field) =>
        field.IsLiteral ? "const " : $"{(field.IsStatic ? "static " : string.Empty)}{(field.IsInitOnly ? "readonly " : string.Empty)}";

    /// <summary>A type with the question marks that nullable references have in the source.</summary>
    private static string NameOf(NullabilityInfo info)
    {
        Type type = info.Type.IsByRef ? info.Type.GetElementType()! : info.Type;
        string mark = !type.IsValueType && info.ReadState == NullabilityState.Nullable ? "?" : string.Empty;
        if (info.ElementType is { } element && type.IsArray)
        {
            return $"{NameOf(element)}[]{mark}";
        }

        bool isTuple = type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true;
        if (type.IsGenericType && !isTuple && Nullable.GetUnderlyingType(type) is null && info.GenericTypeArguments.Length == type.GetGenericArguments().Length)
        {
            return $"{type.Name.Split('`')[0]}<{string.Join(", ", info.GenericTypeArguments.Select(NameOf))}>{mark}";
        }

        return Simple(type) + mark;
    }

    private static string Simple(Type type)
    {
        if (type.IsByRef)
        {
            return Simple(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return $"{Simple(type.GetElementType()!)}[]";
        }

        if (type.IsPointer)
        {
            return $"{Simple(type.GetElementType()!)}*";
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return $"{Simple(underlying)}?";
        }

        if (type.IsGenericType)
        {
            string arguments = string.Join(", ", type.GetGenericArguments().Select(Simple));
            return type.FullName?.StartsWith("System.ValueTuple`", StringComparison.Ordinal) == true ? $"({arguments})" : $"{type.Name.Split('`')[0]}<{arguments}>";
        }

        return type.IsEnum ? type.Name : Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean => "bool",
            TypeCode.Byte => "byte",
            TypeCode.SByte => "sbyte",
            TypeCode.Int16 => "short",
            TypeCode.UInt16 => "ushort",
            TypeCode.Int32 => "int",
            TypeCode.UInt32 => "uint",
            TypeCode.Int64 => "long",
            TypeCode.UInt64 => "ulong",
            TypeCode.Single => "float",
            TypeCode.Double => "double",
            TypeCode.String => "string",
            _ when type == typeof(void) => "void",
            _ when type == typeof(object) => "object",
            _ when type == typeof(nint) => "nint",
            _ when type == typeof(nuint) => "nuint",
            _ => type.Name,
        };
    }

    private static string FullName(Type type)
    {
        string owner = type.DeclaringType is { } outer ? FullName(outer) : type.Namespace ?? string.Empty;
        return owner.Length == 0 ? Simple(type) : $"{owner}.{Simple(type)}";
    }
}
